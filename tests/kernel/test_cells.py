from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gptwidgets.errors import DoesNotFitError
from gptwidgets.kernel.cells import by_name, check_size, one_of, positions, runs


def test_numbers_and_names() -> None:
    assert one_of(np.int64(3), range(5), "layer", "model") == 3
    assert one_of("mean", range(5), "layer", "model") == "mean"


def test_one_name_for_a_layer_and_a_head() -> None:
    assert by_name("L18H6", None) == by_name("l18h6", None) == (18, 6)
    assert by_name("mean", 3) == ("mean", 3)
    with pytest.raises(TypeError, match="names a head already"):
        by_name("L18H6", 6)
    with pytest.raises(TypeError, match="Which head"):
        by_name("L18", None)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (range(30), "layer 40 does not exist; this model has layers 0 to 29"),
        ([3], "layer 40 does not exist; this model has only layer 3"),
        ([1, 5, 9], "layer 40 does not exist; this model has layers 1, 5, 9"),
    ],
)
def test_what_there_is_instead(known: list[int], words: str) -> None:
    with pytest.raises(IndexError) as error:
        one_of(40, known, "layer", "model")
    assert str(error.value) == words


def test_positions_and_their_runs() -> None:
    assert positions(None, 4) == (range(4), False)
    assert positions(-1, 4) == ([3], True)
    assert positions([0, 1, 3], 4) == ([0, 1, 3], False)
    assert runs([0, 1, 3]) == [(slice(0, 2), range(2)), (slice(2, 3), range(3, 4))]
    assert runs(range(2, 4)) == [(slice(0, 2), range(2, 4))]
    assert runs(range(0)) == []


def test_sizes() -> None:
    check_size(2**30, "This")
    with pytest.raises(DoesNotFitError, match=r"This would take 2\.0 GiB"):
        check_size(2**31, "This")


@pytest.mark.parametrize(
    "cells", [True, [True, False], np.array([True, False]), "1", 1.5, [None], [[1]], np.array([[1]]), {}.keys]
)
def test_positions_that_are_none(cells: Any) -> None:
    """A mask, above all, is not taken for the positions 0 and 1."""
    with pytest.raises(TypeError, match="a slice or a list of numbers"):
        positions(cells, 4)


@pytest.mark.parametrize("cells", [np.array([1, 2]), torch.tensor([1, 2]), pd.Series([1, 2]), range(1, 3)])
def test_positions_of_other_libraries(cells: Any) -> None:
    assert positions(cells, 4) == ([1, 2], False)
    assert positions(cells[1], 4) == ([2], True)
