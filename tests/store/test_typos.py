from __future__ import annotations

import pytest

from gptwidgets.store.typos import distance, nearest


@pytest.mark.parametrize(
    ("one", "other", "mistakes"),
    [("chat", "chat", 0), ("chta", "chat", 1), ("cat", "chat", 1), ("chatt", "chat", 1), ("cuat", "chat", 1),
     ("abcdef", "abdcfe", 2), ("summary", "story", 3), ("", "ab", 2)],
)  # fmt: skip
def test_mistakes_are_counted(one, other, mistakes):
    assert distance(one, other, 2) == distance(other, one, 2) == mistakes


def test_the_fewest_mistakes_come_first_then_the_same_beginning_then_the_more_frequent():
    known = {"llama": 9, "lama": 1, "gamma": 50, "lamb": 99}
    assert nearest("lama", known)[:2] == ["lama", "lamb"]
    assert nearest("lamma", known) == ["lama", "gamma", "lamb", "llama"]


def test_short_words_may_have_one_mistake_and_very_short_ones_none():
    assert nearest("gpz", {"gpt": 5}) == ["gpt"]
    assert nearest("gzz", {"gpt": 5}) == []
    assert nearest("gp", {"go": 5}) == []
