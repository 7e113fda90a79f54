from __future__ import annotations

import time

import pytest

from gptwidgets.errors import StoreError
from gptwidgets.store import cards


def test_the_template_asks_for_all_and_says_what_is_filled_in():
    assert cards.missing(cards.template("Mine")) == ["use", "data", "limits"]
    assert cards.missing(cards.template("Mine", use="To play.", data="Nothing.", limits="All.")) == []


@pytest.mark.parametrize(
    ("card", "lacking"),
    [
        ("", ["use", "data", "limits"]),
        ("It is for use, with data and limits.", ["use", "data", "limits"]),
        ("## Intended uses\nx\n## Training data\nx\n## Bias, Risks and Limitations\nx", []),
        ("# USAGE\nx\n# TRAINED ON\nx\n# WHAT IT CANNOT DO\nx", []),
        ("**Use**\nx\n\n**Data:**\nx\n**Limits**\nx", []),
        ("Use\n===\nx\n\nData\n----\nx\n\nLimits\n---\nx", []),
        ("## Use\n\n## Data\nx\n## Limits\nx", ["use"]),
        ("## Because\nx\n## Database\nx\n## Unlimited\nx", ["use", "data", "limits"]),
        # what is said below a smaller heading is said below the larger
        ("## Uses\n### In school\nx\n## Training\n### How\nx\n## Limits\n### Known\nx", []),
        ("It is meant for lessons. It was trained on rhymes. It cannot count.", []),
        ("It may be used for lessons, is fine-tuned with rhymes, and is often wrong.", []),
    ],
)
def test_a_part_is_a_heading_with_words_below_or_a_clear_sentence(card, lacking):
    assert cards.missing(card) == lacking


@pytest.mark.parametrize(
    "hidden",
    [
        "<!--\n## Use\nx\n## Data\nx\n## Limits\nx\n-->",
        "```\n## Use\nx\n## Data\nx\n## Limits\nx\n```",
        "<script>\n## Use\nx\n## Data\nx\n## Limits\nx\n</script>",
        "<SVG onload=alert(1)>\n## Use\nx\n## Data\nx\n## Limits\nx",
        "## Use\n![x](https://a.b/a.png)\n## Data\n<!-- x -->\n## Limits\n<img src=x onerror=alert(1)>",
    ],
)
def test_what_nobody_reads_says_nothing(hidden):
    assert cards.missing(hidden) == ["use", "data", "limits"]


def test_a_card_is_text_and_no_book():
    with pytest.raises(StoreError, match="characters"):
        cards.checked("x" * 10_000_000)
    with pytest.raises(StoreError, match="Markdown"):
        cards.checked(3)
    assert cards.checked("a\0b\ud800") == "ab?"


LONG = [
    *("<!--", "```\n", "<script", "<a ", "# ", "**", "a\n-", "---\n", "![](", "#\t \n", "trained ", "# a\n"),
    *(("# a", " ", "x"), ("# a", " #", " x"), ("# a", "#", "x"), ("**a**", " ", "x"), ("a\n---", " ", "x")),
    *(("# ", "a ", "x"), ("</script", " ", "x"), ("<script></script", " ", ""), ("# a\n", "## b\n", "")),
]


@pytest.mark.parametrize("pieces", LONG)
def test_a_card_made_to_take_long_takes_a_moment(pieces):
    begin = time.process_time()
    first, again, last = ("", pieces, "") if isinstance(pieces, str) else pieces
    card = first + again * ((cards.LONGEST - len(first + last)) // len(again)) + last
    cards.missing(card)
    cards.sentence(card)
    assert time.process_time() - begin < 2


def test_the_first_sentence_is_one_that_a_person_wrote():
    card = '---\nlicense: mit\n---\n<script>alert("x")</script>\n# Mine\n\n> [!NOTE]\n\nIt rhymes! Well.'
    assert cards.sentence(card) == "It rhymes!"
    assert cards.sentence("# Mine\n\n![](https://example.org/a.png)\n") == ""
    assert len(cards.sentence("word " * 1000)) <= 300
