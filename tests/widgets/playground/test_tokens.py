from __future__ import annotations

import numpy as np
import pytest

from gptwidgets.kernel.step import Alternatives, Token
from gptwidgets.widgets.playground.tokens import TokenColumns, texts_of


def token(id_=5, text="x"):
    some = Alternatives([5, 6], ["x", "y"], [-0.5, -1.5], [-0.1, -np.inf])
    return Token(id_, text.encode(), text, text, -0.5, -0.1, 0, 1.25, some)


def test_columns_grow_and_keep_what_they_were_told():
    columns = TokenColumns(k=2)
    for count in range(100):
        columns.append(token(count), count, 7.5, [5, 6])
    found = columns.columns()
    assert columns.ids == list(range(100))
    assert columns.text == "x" * 100
    assert found["alt_id"].shape == (100, 2)
    np.testing.assert_array_equal(found["alt_sampled"][99], np.float32([-0.1, -np.inf]))
    assert (found["ms"] == 7.5).all()


def test_fewer_alternatives_than_asked_for_are_padded():
    columns = TokenColumns(k=4)
    columns.append(token(), 5, 1.0, [5, 6])
    assert columns.columns()["alt_id"].tolist() == [[5, 6, -1, -1]]
    assert np.isnan(columns.columns()["alt_logprob"][0, 2:]).all()
    none = TokenColumns(k=0)
    none.append(token(), 5, 1.0, [5, 6])
    assert none.columns()["alt_id"].shape == (1, 0)


def test_what_is_not_known_says_so():
    columns = TokenColumns.of([3, 4], ["a", "b"]).columns()
    assert columns["rank"].tolist() == [-1, -1]
    assert np.isnan(columns["logprob"]).all()


def test_in_another_context_only_ids_and_texts_are_kept():
    columns = TokenColumns(k=2)
    columns.append(token(), 5, 1.0, [5, 6])
    same, other = columns.copy(0, 1, known=True), columns.copy(0, 1, known=False)
    assert same.columns()["alt_id"].tolist() == [[5, 6]]
    assert (other.ids, other.text) == ([5], "x")
    assert np.isnan(other.columns()["logprob"]).all()


def test_joining_columns_of_different_width():
    columns = TokenColumns(k=2)
    columns.extend(TokenColumns.of([1], ["a"]))
    wide = TokenColumns(k=3)
    wide.append(token(), 5, 1.0, [5, 6])
    columns.extend(wide)
    assert columns.ids == [1, 5]
    assert columns.columns()["alt_id"].tolist() == [[-1, -1], [5, 6]]


def test_columns_come_back_and_wrong_ones_do_not():
    columns = TokenColumns(k=2)
    columns.append(token(), 5, 1.0, [5, 6])
    again = TokenColumns.from_columns(columns.columns(), columns.texts)
    np.testing.assert_array_equal(again.columns()["alt_logprob"], columns.columns()["alt_logprob"])
    for wrong in (
        {"id": np.zeros(2, "<i4")},
        {"id": np.zeros(1, "<f4")},
        {"nonsense": np.zeros(1, "<i4")},
        {"alt_id": np.zeros((1, 2, 2), "<i4")},
    ):
        with pytest.raises(ValueError, match="is not a column"):
            TokenColumns.from_columns(wrong, ["x"])


@pytest.mark.parametrize(
    ("parts", "texts"),
    [
        ([b"caf", b"\xc3", b"\xa9"], ["caf", "", "é"]),
        ([b"\xf0\x9f", b"\x98", b"a"], ["", "", "⟨F0 9F 98⟩a"]),
        ([b"a", b"\xe2\x82"], ["a", "⟨E2 82⟩"]),
        ([], []),
    ],
)
def test_texts_are_complete_characters(parts, texts):
    assert texts_of(parts) == texts
