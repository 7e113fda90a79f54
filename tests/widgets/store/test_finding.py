"""Searching: the newest counts, the kernel's own thread waits for nothing, each model is judged."""

from __future__ import annotations

import threading
import time

import pytest

from gptwidgets.errors import GPTWidgetsError, StoreError
from gptwidgets.widgets.store import browser
from gptwidgets.widgets.store.browser import StoreBrowser
from tests.waiting import until
from tests.widgets.store.fake import FakeStore


def names(shop) -> list[str]:
    return [row["name"] for row in shop.found["rows"]]


def test_everything_is_found_at_first_the_best_reviewed_first(shop, store):
    assert len(shop.results) == shop.found["total"] == len(store.rows)
    assert names(shop)[0] == "qwen2.5-7b-instruct"
    assert shop.status == "ready"
    assert shop.info["user"] == "ada"
    assert ["chat", 12] in shop.found["facets"]["use_case"]


@pytest.mark.parametrize(
    ("option", "value", "found"),
    [
        ("query", "stories", "tinystories-33m"),
        ("use_case", "translation", "bloom-560m"),
        ("language", "ja", "gemma-3-270m-it"),
        ("licence", "LicenseRef-OPT", "opt-125m"),
        ("publisher", "Ai2", "olmo-2-1b"),
        ("max_memory", "250 MB", "pythia-70m"),
        ("installed", True, "gpt2"),
    ],
)
def test_each_condition_narrows_what_is_found(shop, option, value, found):
    setattr(shop, option, value)
    rows = shop.results
    assert found in set(rows["name"])
    assert 0 < len(rows) < 10
    assert names(shop) == list(rows["name"])


def test_a_figure_sorts_in_its_own_sense_and_in_the_other(shop):
    shop.sort = "tokens_per_second"
    first = shop.results["tokens_per_second"].dropna()
    assert list(first) == sorted(first, reverse=True)
    shop.descending = False
    other = shop.results["tokens_per_second"].dropna()
    assert list(other) == sorted(other)


def test_a_typing_mistake_says_what_was_searched_for(shop):
    shop.query = "smal"
    assert len(shop.results)
    assert shop.found["corrected"] == "small"
    assert shop.found["words"] == "smal"


def test_typing_waits_for_no_search_and_the_last_words_win(shop, store):
    store.gate = threading.Event()
    began = time.perf_counter()
    for end in range(1, len("stories") + 1):
        shop.query = "stories"[:end]
    assert time.perf_counter() - began < 1
    assert shop.status == "searching"
    before = len(store.asked)
    store.gate.set()
    shop.wait(20)
    assert names(shop) == ["tinystories-33m"]
    assert shop.found["words"] == "stories"
    assert len(store.asked) <= before + 2  # what was overtaken before it began was never searched for
    assert threading.current_thread().name not in store.threads


def test_what_was_overtaken_is_never_shown(shop, store):
    store.gate = threading.Event()
    shown: list[str] = []
    shop.observe(lambda change: shown.append(change["new"]["words"]), "found")
    shop.query = "gpt"
    until(lambda: store.asked[-1]["words"] == "gpt")
    shop.query = "bloom"
    store.gate.set()
    shop.wait(20)
    assert shown == ["bloom"]


def test_who_observes_what_is_found_can_ask_for_it(shop):
    seen: list[int] = []
    shop.observe(lambda _change: seen.append(len(shop.results)), "found")
    shop.query = "bloom"
    shop.wait(20)
    assert seen == [1]


def test_a_search_that_fails_says_so_and_the_next_one_works(shop, store):
    store.fail["search"] = StoreError("The store's file cannot be read.")
    shop.query = "x"
    with pytest.raises(StoreError, match="cannot be read"):
        shop.results  # noqa: B018
    assert shop.status == "error"
    assert shop.error == {"type": "StoreError", "message": "The store's file cannot be read."}
    assert shop.found["total"] == len(store.rows)  # what was there stays
    store.fail.clear()
    shop.query = "bloom"
    shop.wait(20)
    assert (shop.status, shop.error) == ("ready", {})


def test_each_model_found_is_judged_and_one_of_unknown_size_says_so(shop):
    until(lambda: len(shop.verdicts) == len(shop.found["rows"]))
    assert shop.verdicts["gpt2"]["fits"] is True
    large = shop.verdicts["qwen2.5-7b-instruct"]
    assert large["fits"] is False
    assert "does not fit on the CPU: it needs about 15.5 GB" in large["why"]
    assert shop.verdicts["mystery-adapter"]["fits"] is None
    assert "not known" in shop.verdicts["mystery-adapter"]["why"]


def test_values_that_cannot_be_are_refused_in_words(shop):
    with pytest.raises(ValueError, match="did you mean 'chat'"):
        shop.use_case = "chatt"
    with pytest.raises(ValueError, match='a size such as "4 GB"'):
        shop.max_memory = "much"
    with pytest.raises(ValueError, match="above 0"):
        shop.max_memory = 0
    with pytest.raises(ValueError, match="At most 4"):
        shop.compared = list("abcde")
    with pytest.raises(TypeError, match="did you mean 'query'"):
        StoreBrowser(FakeStore(), qery="x")
    with pytest.raises(TypeError, match=r"shows a gw\.Store, not str"):
        StoreBrowser("store")
    shop.max_memory = "1.5 GB"
    assert shop.max_memory == 1_500_000_000


def test_notes_of_the_store_are_shown():
    shop = StoreBrowser(FakeStore(notes=("No network: the Hub is left out.",)))
    shop.wait(20)
    assert shop.notes == ["No network: the Hub is left out."]
    shop.close()


def test_after_closing_nothing_is_searched_for(shop, store):
    shop.close()
    asked = len(store.asked)
    shop.query = "x"
    assert len(store.asked) == asked
    assert shop.status == "closed"
    assert not store.closed  # it was given, and may be used elsewhere
    with pytest.raises(GPTWidgetsError, match="make a new one"):
        shop.wait(1)


def test_a_store_that_it_opened_itself_is_closed_with_it(monkeypatch):
    opened: list[FakeStore] = []

    def open_store() -> FakeStore:
        opened.append(FakeStore())
        return opened[-1]

    monkeypatch.setattr(browser, "Store", open_store)
    shop = StoreBrowser(query="bloom")
    assert list(shop.results["name"]) == ["bloom-560m"]
    shop.close()
    assert opened[0].closed
    with pytest.raises(TypeError, match="no option"):
        StoreBrowser(nothing=1)
    assert opened[1].closed  # what could not be made leaves nothing open


def test_the_hub_is_asked_only_when_wanted_and_keeps_nothing_waiting(shop, store):
    store.hub = threading.Event()  # it hangs
    shop.source = "hub"
    until(lambda: store.asked[-1]["source"] == "hub")
    shop.source = None
    assert len(shop.wait(5).results) == 26
    shop.source = "hub"
    store.hub.set()
    assert list(shop.results["name"]) == ["us/tiny"]
    assert shop.found["source"] == "hub"


def test_what_is_typed_for_the_hub_is_asked_once_it_rests(shop, store):
    shop.source = "hub"
    for words in ("t", "ti", "tiny"):
        shop.query = words
    assert len(shop.results) == 1
    assert [ask["words"] for ask in store.asked if ask["source"] == "hub"] == ["tiny"]


def test_a_hub_that_is_away_is_one_sentence(shop, store):
    store.away = "The Hugging Face Hub cannot be searched: there is no network."
    shop.source = "hub"
    assert len(shop.results) == 0
    assert shop.found["missing"] == [store.away]
    with pytest.raises(Exception, match="source"):
        shop.source = "moon"
