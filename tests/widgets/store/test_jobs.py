"""Installs, measurements and loads as the pages and Python see them."""

from __future__ import annotations

import pytest

from gptwidgets.errors import Cancelled, StoreError, UnknownModelError
from gptwidgets.widgets.store.browser import StoreBrowser
from tests.waiting import until
from tests.widgets.store.fake import FakeStore, LicenceError


@pytest.fixture
def store():
    return FakeStore(gated=True)


def row(shop, name):
    return next(row for row in shop.found["rows"] if row["name"] == name)


def test_an_install_tells_how_it_goes_and_the_listing_follows(shop, store):
    job = shop.install("pythia-70m")
    assert shop.jobs[0] | {"state": "waiting", "name": "pythia-70m", "kind": "install"} == shop.jobs[0]
    store.jobs[0].step(0.25)
    told = shop.jobs[0]
    assert (told["state"], told["unit"], told["done"], told["speed"]) == ("running", "bytes", 42.5e6, 24e6)
    assert told["left_s"] == pytest.approx(127.5e6 / 24e6)
    assert row(shop, "pythia-70m")["installed"] is False
    store.jobs[0].end()
    job.wait(20)
    shop.wait(20)
    assert shop.jobs[0]["state"] == "done"
    assert row(shop, "pythia-70m")["installed"] is True
    assert shop.changes == 1


def test_what_was_stopped_goes_on_with_a_new_job(shop, web, store):
    web.ask("install", name="pythia-70m")
    store.jobs[0].step(0.5)
    web.ask("cancel", job=shop.jobs[0]["id"])
    assert shop.jobs[0]["state"] == "cancelled"
    with pytest.raises(Cancelled):
        store.jobs[0].wait(1)
    web.ask("install", name="pythia-70m")
    assert [job["state"] for job in shop.jobs] == ["cancelled", "waiting"]


def test_several_installs_say_how_many_come_before(shop, store):
    shop.install("pythia-70m")
    shop.install("gpt2-medium")
    assert [job["position"] for job in shop.jobs] == [0, 1]


def test_a_licence_has_to_be_accepted(shop, web, store):
    with pytest.raises(LicenceError, match="accepted"):
        shop.install("gemma-3-1b-it")
    reply, _ = web.ask("install", name="gemma-3-1b-it")
    assert not reply["ok"]
    assert "wants its licence" in reply["error"]["message"]
    reply, _ = web.ask("install", name="gemma-3-1b-it", accept=True)
    assert reply["ok"]


def test_a_measurement_is_on_the_card_when_it_ends(shop, store):
    shop.selected = "pythia-70m"
    shop.measure()
    store.jobs[0].end()
    shop.wait(20)
    assert row(shop, "pythia-70m")["tokens_per_second"] == 31.4


def test_what_fails_keeps_its_sentence_until_it_is_taken_away(shop, web, store):
    shop.install("pythia-70m")
    store.jobs[0].end("failed", "The disk is full: 170 MB are needed, 3 MB are free.")
    assert shop.jobs[0]["error"].startswith("The disk is full")
    with pytest.raises(StoreError, match="disk is full"):
        store.jobs[0].wait(1)
    web.ask("dismiss", job=shop.jobs[0]["id"])
    assert shop.jobs == []


def test_a_page_loads_a_model_into_the_kernel(shop, web):
    web.ask("load", name="gpt2")
    until(lambda: shop.model_name)
    assert shop.model.name == shop.model_name == "gpt2"
    assert shop.jobs[0]["kind"] == "load"
    until(lambda: shop.jobs[0]["state"] == "done")


def test_python_loads_and_gets_the_model(shop):
    assert shop.model is None
    gpt = shop.load("tinystories-33m")
    assert gpt is shop.model
    shop.selected = None
    with pytest.raises(UnknownModelError, match="Which model"):
        shop.load()


def test_a_load_that_fails_says_so_in_its_line(shop, web, store):
    store.fail["load"] = StoreError("It is not whole: repair it.")
    web.ask("load", name="gpt2")
    until(lambda: shop.jobs[0]["state"] == "failed")
    assert shop.jobs[0]["error"] == "It is not whole: repair it."
    assert shop.model is None


def test_jobs_go_on_when_the_widget_is_closed(store):
    shop = StoreBrowser(store)
    shop.wait(20)
    job = shop.install("pythia-70m")
    shop.close()
    store.jobs[0].end()
    assert job.wait(5).state == "done"
