"""Scores of one's own: whoever has a number for each head sees it on the grid."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from gptwidgets.widgets.heatmap import AttentionHeatmap
from tests.widgets.test_effects import TEXT, column


@pytest.fixture
def read(gpt):
    made = AttentionHeatmap(gpt, TEXT).wait(20)
    yield made
    made.close()


def numbers(heat):
    index = pd.MultiIndex.from_product(
        [heat.record.layers, range(heat.record.n_heads)], names=["layer", "head"]
    )
    return pd.DataFrame({"restored": np.linspace(-0.5, 1, len(index)), "metric": 0.0}, index=index)


def test_a_table_of_heads_tints_and_sorts_the_grid(read):
    table = numbers(read)
    assert read.show_scores(table, "restored") is read
    assert (read.color, read.scores["own"]) == ("own", "restored")
    assert column(read, "own") == pytest.approx(table["restored"].to_dict(), abs=1e-5)
    read.sort, read.filter = "own", ["own", 0.0, None]
    best = [tuple(map(int, place)) for place in table["restored"].nlargest(2).index]
    assert sorted(read.switch_off(2, by="own").heads_off) == sorted(map(list, best))


def test_a_dict_names_heads_and_the_others_have_none(read):
    read.show_scores({"L0H1": 2, (1, 0): 0.5}, "mine")
    known = {head: value for head, value in column(read, "own").items() if value is not None}
    assert known == {(0, 1): 2.0, (1, 0): 0.5}
    assert read.scores["own"] == "mine"


def test_it_stays_over_another_text_and_goes_when_it_is_taken_away(read):
    read.show_scores(numbers(read)["restored"])
    read.text = "another text to be read"
    read.wait(20)
    assert "own" in read.scores["columns"]
    read.sort, read.filter = "own", ["own", 0.0, None]
    read.show_scores(None)
    assert "own" not in read.scores["columns"]
    assert (read.color, read.sort, list(read.filter)) == ("", "", [])
    with pytest.raises(ValueError, match=r"no score “own” yet: heat\.show_scores"):
        read.switch_off(1, by="own")


def test_what_patching_restored(read, gpt):
    """The whole way from an experiment to the grid."""
    one, other = gpt.encode("one text to read"), gpt.encode("one read to text")
    metric = lambda _gpt, logits: logits[:, 3] - logits[:, 4]  # noqa: E731
    table = gpt.patch(one, other, metric, progress=False)
    read.show_scores(table, "restored")
    assert column(read, "own") == pytest.approx(table["restored"].to_dict(), abs=1e-4)


@pytest.mark.parametrize(
    ("scores", "name", "error", "words"),
    [
        (3, None, TypeError, "numbers by head"),
        ([1, 2], None, TypeError, "numbers by head"),
        ({"L9H9": 1}, None, IndexError, "does not exist"),
        ({"L0H99": 1}, None, IndexError, "head 99 does not exist"),
        ({"first": 1}, None, TypeError, "Which head"),
        ({"L0H0": "much"}, None, TypeError, "must be a number"),
        ({"L0H0": math.nan}, None, TypeError, "no number among"),
        ({}, None, TypeError, "no number among"),
        (pd.DataFrame({"a": [1.0]}, index=pd.MultiIndex.from_tuples([(0, 0)])), "b", KeyError, "there are a"),
        ({"L0H0": 1}, 5, TypeError, "a string"),
    ],
)
def test_what_is_no_score_is_refused_and_changes_nothing(read, scores, name, error, words):
    before = dict(read.scores)
    with pytest.raises(error, match=words):
        read.show_scores(scores, name)
    assert (read.scores, read.color) == (before, "")
