"""What the pages ask, and what they are answered."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import pytest

from gptwidgets.errors import RefusedError
from gptwidgets.widgets.store import service
from tests.waiting import until

CARD = "## Use\n\n## Data\n\n## Limits\n\nMany."
FORM = {
    "name": "mine",
    "title": "Mine",
    "summary": "A tiny one.",
    "card": CARD,
    "licence": "MIT",
    "revision": "",
    "use_cases": ["story"],
    "languages": ["en"],
}


def test_details_come_as_plain_values(web):
    shown = web.ask("show", name="gpt2")[0]["shown"]
    assert shown["listing"]["title"] == "GPT-2 (small)"
    assert "## Limits" in shown["listing"]["card"]
    assert shown["versions"][0]["made_at"] == "2026-10-01T12:00:00+00:00"
    assert shown["reviews"][0]["stars"] == 5
    assert shown["measurements"][0]["tokens_per_second"] == 51.0
    assert all(check["passed"] for check in shown["checks"])


def test_what_is_of_this_machine_is_known_whether_a_search_found_it_or_not(shop, web):
    for query in ("", "nothing of the kind"):
        shop.query = query
        shop.wait(20)
        assert web.ask("show", name="gpt2")[0]["shown"]["listing"]["installed"] is True
        assert web.ask("show", name="pythia-70m")[0]["shown"]["listing"]["installed"] is False


def test_a_model_that_does_not_exist_is_an_answer_in_words(web):
    reply, _ = web.ask("show", name="nothing")
    assert reply["error"] == {
        "type": "UnknownModelError",
        "message": "There is no model named 'nothing'; did you mean 'gpt2'?",
    }


def test_fit_is_asked_for_a_context_and_a_batch(web):
    short = web.ask("fit", name="gpt2", context=128, batch=1)[0]["fit"]
    long = web.ask("fit", name="gpt2", context=1024, batch=8)[0]["fit"]
    assert long["cache"] > short["cache"]
    assert short["total"] == sum(short[part] for part in ("weights", "cache", "recorded", "working"))
    reply, _ = web.ask("fit", name="gpt2", context=5000)
    assert "at most 1,024 tokens" in reply["error"]["message"]


def test_a_card_of_ten_megabytes_is_cut(web, store):
    store.cards["gpt2"] = "x" * 10_000_000
    shown = web.ask("show", name="gpt2")[0]["shown"]
    assert len(shown["listing"]["card"]) == 200_000


def test_a_message_keeps_the_kernels_thread_no_longer_than_a_moment(shop, web, store, monkeypatch):
    monkeypatch.setattr(store, "show", lambda _name: time.sleep(0.3) or {})
    web.ask("show", name="gpt2")
    longest = 0.0
    for _ in range(20):
        began = time.perf_counter()
        web.post("show", name="gpt2")
        longest = max(longest, time.perf_counter() - began)
        web.cancel(f"page-{web._count}")
    assert longest < 0.1


def test_a_review_is_written_changed_and_taken_back(shop, web):
    web.ask("review", name="pythia-1.4b", stars=4, words="Slow & honest.")
    shop.wait(20)
    assert next(r for r in shop.found["rows"] if r["name"] == "pythia-1.4b")["reviews"] == 1
    assert web.ask("show", name="pythia-1.4b")[0]["shown"]["reviews"][0]["words"] == "Slow & honest."
    web.ask("unreview", name="pythia-1.4b")
    assert web.ask("show", name="pythia-1.4b")[0]["shown"]["reviews"] == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"stars": "5"}, "a whole number"), ({"stars": 5, "words": 1}, "is a text"), ({}, "lacks 'stars'")],
)
def test_a_review_that_makes_no_sense_is_refused(web, fields, words):
    reply, _ = web.ask("review", **{"name": "gpt2", "words": "", **fields})
    assert words in reply["error"]["message"]


def test_a_report_is_read_and_settled(web):
    for remove, left in ((False, 5), (True, 4)):
        web.ask("report", review=342, words="Spam.")
        reports = web.ask("queue")[0]["reports"]
        assert reports[0]["words"] == "Spam."
        web.ask("settle", report=reports[0]["id"], remove=remove)
        assert web.ask("queue")[0]["reports"] == []
        assert len(web.ask("show", name="gpt2")[0]["shown"]["reviews"]) == left


def test_a_folder_becomes_a_draft_is_checked_and_let_in(shop, web, store):
    reply, _ = web.ask("publish", folder="models/mine", **FORM)
    assert reply["name"] == "mine"
    assert store.rows["mine"]["status"] == "draft"
    web.ask("submit", name="mine")
    until(lambda: store.rows["mine"]["status"] == "submitted")
    assert [row["name"] for row in web.ask("queue")[0]["rows"]] == ["mine"]
    web.ask("approve", name="mine", words="Good.")
    shop.query = "mine"
    assert list(shop.results["name"]) == ["mine"]


def test_a_rejection_needs_words(web, store):
    web.ask("publish", folder="models/mine", **FORM)
    store.rows["mine"]["status"] = "submitted"
    reply, _ = web.ask("reject", name="mine", words="")
    assert "Say why" in reply["error"]["message"]
    assert web.ask("reject", name="mine", words="No data.")[0]["ok"]


def test_what_one_may_not_do_is_said(web, store):
    store.fail["approve"] = RefusedError("Only a reviewer may approve.")
    reply, _ = web.ask("approve", name="gpt2", words="")
    assert reply["error"] == {"type": "RefusedError", "message": "Only a reviewer may approve."}


class StandIn:
    """What counts as a model here."""

    closed = False


def test_models_of_the_notebook_can_be_published(web, store, monkeypatch):
    mine, old = StandIn(), StandIn()
    old.closed = True
    shell = SimpleNamespace(user_ns={"mine": mine, "old": old, "text": "x", "_hidden": StandIn()})
    monkeypatch.setattr(service, "shell_here", lambda: shell)
    monkeypatch.setitem(sys.modules, "gptwidgets.kernel.gpt", SimpleNamespace(GPT=StandIn))
    assert web.ask("models")[0]["names"] == ["mine"]
    published = []
    monkeypatch.setattr(
        store,
        "publish",
        lambda what, **_: published.append(what) or SimpleNamespace(name="mine", revision="1"),
    )
    assert web.ask("publish", model="mine", **FORM)[0]["ok"]
    assert published == [mine]
    assert "no open model 'old'" in web.ask("publish", model="old", **FORM)[0]["error"]["message"]
    assert "Say what to publish" in web.ask("publish", folder=" ", **FORM)[0]["error"]["message"]


def test_models_are_compared_as_rows(shop, web):
    rows = web.ask("compare", names=["gpt2", "pythia-70m"])[0]["rows"]
    assert [row["name"] for row in rows] == ["gpt2", "pythia-70m"]
    assert rows[1]["tokens_per_second"] is None
    assert len(shop.compare(["gpt2", "pythia-70m"]).table) == 2
    assert shop.compared == ["gpt2", "pythia-70m"]


def test_remove_and_verify(shop, web):
    assert web.ask("verify", name="gpt2")[0]["rows"][0]["state"] == "right"
    web.ask("remove", name="gpt2")
    shop.wait(20)
    assert not next(row for row in shop.found["rows"] if row["name"] == "gpt2")["installed"]


def test_a_value_that_the_browser_may_not_set_is_answered(shop, web):
    shop.set_state({"use_case": "nonsense"})
    assert shop.use_case is None
    event = next(heard for heard, _ in web.heard if heard.get("kind") == "refused")
    assert "no use case 'nonsense'" in event["message"]
