from __future__ import annotations

import pytest

from gptwidgets.errors import StoreError
from gptwidgets.store import cards


def test_the_template_says_all():
    assert cards.missing(cards.template("Mine")) == []


@pytest.mark.parametrize(
    ("card", "lacking"),
    [
        ("", ["use", "data", "limits"]),
        ("It is for use, with data and limits.", ["use", "data", "limits"]),
        ("## Intended uses\nx\n## Training data\nx\n## Bias, Risks and Limitations\nx", []),
        ("**Use**\nx\n\n**Data:**\nx\n**Limits**\nx", []),
        ("## Use\n\n## Data\nx\n## Limits\nx", ["use"]),
        ("## Because\nx\n## Database\nx\n## Unlimited\nx", ["use", "data", "limits"]),
    ],
)
def test_a_part_is_a_heading_with_words_below(card, lacking):
    assert cards.missing(card) == lacking


def test_a_card_is_text_and_no_book():
    with pytest.raises(StoreError, match="characters"):
        cards.checked("x" * 10_000_000)
    with pytest.raises(StoreError, match="Markdown"):
        cards.checked(3)
    assert cards.checked("a\0b\ud800") == "ab?"
