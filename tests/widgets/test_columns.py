from __future__ import annotations

import json

import numpy as np
import pytest

from gptwidgets.widgets.columns import pack, unpack


def test_columns_come_back_as_they_were():
    columns = {
        "id": np.array([3, 2**31 - 1, -5]),
        "logprob": np.array([-0.5, -np.inf, np.nan]),
        "seen": np.array([], np.int64),
        "alt": np.arange(6, dtype=np.float32).reshape(3, 2),
        "flag": np.array([0, 255], np.uint8),
    }
    spec, data = pack(columns)
    found = unpack(json.loads(json.dumps(spec)), data)
    assert list(found) == list(columns)
    for name, column in columns.items():
        np.testing.assert_array_equal(found[name], column.astype(found[name].dtype))
    assert [dtype for _, dtype, _ in spec] == ["<i4", "<f4", "<i4", "<f4", "|u1"]


@pytest.mark.parametrize(
    ("spec", "size", "words"),
    [
        ([["id", "<i4", [3]]], 8, "end within 'id'"),
        ([["id", "<i4", [1]]], 8, "4 bytes more"),
        ([["id", "<f8", [1]]], 8, "dtype"),
        ([["id", "<i4", [-2]]], 8, "dtype"),
        ([["id", "<i4", ["2"]]], 8, "dtype"),
        ([["id", "<i4"]], 8, "dtype"),
        (["id"], 8, "dtype"),
        ([["id", "<i4", [2**30, 2**30, 2**30]]], 8, "end within"),
    ],
)
def test_nonsense_is_refused(spec, size, words):
    with pytest.raises(ValueError, match=words):
        unpack(spec, bytes(size))
