"""What stays: the state as JSON, what a saved notebook shows, plain values."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from gptwidgets.widgets.store.browser import StoreBrowser
from gptwidgets.widgets.store.plain import plain
from tests.widgets.playground.test_shown import Reader
from tests.widgets.store.fake import FakeStore


def test_a_state_is_restored_in_another_browser(shop):
    shop.query, shop.max_memory, shop.sort, shop.view = "small", "2 GB", "memory", "table"
    shop.selected, shop.compared = "gpt2", ["gpt2", "pythia-70m"]
    other = StoreBrowser(FakeStore())
    other.restore(json.dumps(shop.state()))
    assert other.state() == shop.state()
    assert list(other.results["name"]) == list(shop.results["name"])
    other.close()


def test_a_state_is_restored_as_a_whole_or_not_at_all(shop):
    with pytest.raises(ValueError, match="use case"):
        shop.restore({"query": "x", "use_case": "nonsense"})
    assert shop.query == ""
    with pytest.raises(TypeError, match="no 'colour'"):
        shop.restore({"colour": 1})


def test_what_was_found_stands_under_the_live_widget(notebook, shop, store):
    store.rows["gpt2"]["title"] = store.rows["gpt2"]["licence"] = "<script>alert(1)</script>"
    notebook.show(shop)
    shop.query = "gpt2"
    notebook.until(lambda: "“gpt2”" in notebook.still["text/plain"])
    read = Reader(notebook.still["text/html"])
    assert "script" not in read.tags
    assert "<script>alert(1)</script>" in read.text
    assert "gpt2-medium" in notebook.still["text/plain"]
    assert 'class="gw-store-still"' in notebook.still["text/html"]


def test_where_nobody_looks_it_waits_for_what_is_found(notebook, store):
    notebook.metadata = {}  # as nbclient and nbconvert send it
    shop = StoreBrowser(store, query="bloom")
    notebook.show(shop)
    assert "bloom-560m" in notebook.still["text/plain"]
    shop.close()


def test_values_become_plain():
    frame = pd.DataFrame(
        {
            "n": [1, 2],
            "size": [1.5, math.nan],
            "at": [pd.Timestamp("2026-01-02T03:04:05Z"), pd.NaT],
            "here": [True, None],
            "text": ["\ud83d", None],
        }
    )
    assert plain(frame) == [
        {"n": 1, "size": 1.5, "at": "2026-01-02T03:04:05+00:00", "here": True, "text": "?"},
        {"n": 2, "size": None, "at": None, "here": None, "text": None},
    ]
    assert plain({"a": np.float32(0.5), "b": np.int64(3), "c": (np.bool_(True), math.inf), "d": pd.NA}) == {
        "a": 0.5,
        "b": 3,
        "c": [True, None],
        "d": None,
    }
    assert plain(pd.Series({"chat": 3})) == [["chat", 3]]
    json.dumps(plain(frame))
