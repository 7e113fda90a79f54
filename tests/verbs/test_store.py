from __future__ import annotations

import json
import shutil

import pytest

import gptwidgets as gw
from gptwidgets.errors import ClosedError, StoreError, UnknownModelError
from gptwidgets.store import install
from gptwidgets.verbs import checking
from gptwidgets.verbs.looking import in_bytes
from tests.store.hub.standin import CONFIG, safetensors

CARD = "## Use\nTo play.\n## Data\nNone.\n## Limits\nAll.\n"


@pytest.fixture
def store(database_url, tmp_path, monkeypatch):
    monkeypatch.setenv("GPTWIDGETS_STORE_FILES", str(tmp_path / "shared"))
    monkeypatch.delenv("GPTWIDGETS_MODELS", raising=False)
    with gw.Store(database_url, user="ada") as store:
        yield store


@pytest.fixture
def mine(store, tmp_path, monkeypatch):
    """A model of one's own, published."""
    monkeypatch.setattr(checking, "run_child", lambda *_, **__: {"results": [["loads", True, "It does."]]})
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(safetensors(10_000))
    store.publish(folder, name="mine", card=CARD, licence="MIT", use_cases=["teaching"])
    assert store.submit("mine").wait().result["passed"].all()
    store.approve("mine")
    return folder


def test_a_search_is_a_table_with_what_else_there_is_to_say(store):
    found = store.search("chat", max_memory="2 GB", sort="parameters")
    assert found["memory_bytes"].max() <= 2e9
    assert found["parameters"].is_monotonic_increasing
    assert found.attrs["total"] == len(found) > 5
    assert store.facets("chat")["licence"]["Apache-2.0"] > 5
    assert store.search("smolm2").attrs["corrected"] == "smollm2"


def test_what_fits_here_and_what_does_not_are_all(store, monkeypatch):
    fits, not_so = store.search(fits=True, limit=1000), store.search(fits=False, limit=1000)
    assert not set(fits["name"]) & set(not_so["name"])
    assert len(fits) + len(not_so) == store.search().attrs["total"]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda store: store.search(use_cas="chat"), TypeError, "no option 'use_cas'"),
        (lambda store: store.search(max_memory="much"), StoreError, "4 GB"),
        (lambda store: store.search(sort="beauty"), StoreError, "beauty"),
        (lambda store: store.show("nothing"), UnknownModelError, "nothing"),
        (lambda store: store.fit("nothing"), UnknownModelError, "nothing"),
        (lambda store: store.install("nothing"), UnknownModelError, "nothing"),
        (lambda store: store.verify("gpt2"), UnknownModelError, "not installed"),
        (lambda store: store.remove("gpt2"), UnknownModelError, "not installed"),
        (lambda store: store.review("gpt2", 6), StoreError, "1 to 5"),
        (lambda store: store.submit("gpt2").wait(), StoreError, "no draft"),
        (lambda store: store.approve("gpt2"), StoreError, "submit one first"),
    ],
)
def test_what_cannot_be_is_one_sentence(store, call, error, said):
    with pytest.raises(error, match=said):
        call(store)


@pytest.mark.parametrize("size", ["", "4", "4 PB", "-1 GB", "0 GB", True, -5, 0, "nan GB"])
def test_a_size_is_a_size(size):
    with pytest.raises(StoreError, match="4 GB"):
        in_bytes(size)


def test_all_that_is_known_of_a_listing(store, mine):
    store.review("mine", 4, "Says little.")
    shown = store.show("mine")
    assert shown["listing"]["stars"] == 4
    assert shown["versions"]["revision"].tolist() == ["v1"]
    assert shown["checks"]["passed"].all()
    assert shown["reviews"]["words"].tolist() == ["Says little."]
    assert store.journal("mine")["what"].tolist()[0] == "review"
    store.unreview("mine")
    assert store.reviews("mine").empty


def test_a_licence_says_what_it_allows_and_where_it_is_read(store):
    gpt2 = store.show("gpt2")["listing"]["terms"]
    assert (gpt2["licence"], gpt2["accept"]) == ("MIT", False)
    assert gpt2["link"].endswith("/MIT.html")
    listed = store.search(licence="LicenseRef-BigScience-BLOOM-RAIL-1.0")["name"][0]
    bloom = store.show(listed)["listing"]["terms"]
    assert bloom["accept"]
    assert "conditions of its own" in bloom["words"]
    assert "bloom" in bloom["link"]


def test_a_table_without_rows_has_its_columns(store):
    assert store.queue()["name"].tolist() == store.reports()["review"].tolist() == []
    assert store.reviews("gpt2")["stars"].tolist() == store.measurements()["device"].tolist() == []
    assert store.checks("gpt2")["passed"].tolist() == []


def test_a_report_is_read_with_the_review_that_it_is_about(store, mine):
    review = store.review("mine", 1, "Fools, all of you.")
    store.report(review.id, "It insults.")
    report = store.reports().iloc[0]
    assert report[["name", "author", "stars", "review"]].tolist() == ["mine", "ada", 1, "Fools, all of you."]
    assert report[["person", "words"]].tolist() == ["ada", "It insults."]
    store.settle(int(report["id"]), remove=True)
    assert store.reports().empty


def test_published_installed_verified_broken_repaired_removed(store, mine):
    folder = store.install("mine").wait().result
    assert set(store.verify("mine")["state"]) == {"right"}
    assert store.search("mine")["installed"].tolist() == [True]
    assert store.search(installed=True)["name"].tolist() == ["mine"]
    (folder / "config.json").write_text("{}")
    assert "changed" in set(store.verify("mine")["state"])
    store.repair("mine").wait()
    assert set(store.verify("mine")["state"]) == {"right"}
    assert store.disk()["name"].tolist() == ["mine"]
    assert store.remove("mine") > 10_000
    assert store.search("mine")["installed"].tolist() == [False]


def test_what_others_install_and_remove_is_seen_when_a_store_is_opened(store, mine, database_url):
    store.install("mine").wait()

    shutil.rmtree(install.placed("mine"))
    with gw.Store(database_url, user="ada") as again:
        assert again.search("mine")["installed"].tolist() == [False]


def test_withdrawn_it_stays_for_those_who_have_it_and_nobody_else_gets_it(store, mine):
    store.install("mine").wait()
    store.withdraw("mine")
    assert set(store.verify("mine")["state"]) == {"right"}
    assert store.install("mine").wait().state == "done"
    store.remove("mine")
    with pytest.raises(StoreError, match="withdrawn"):
        store.install("mine")


def test_a_draft_is_not_installed(store, mine):
    store.publish(mine, name="other", card=CARD, licence="MIT")
    with pytest.raises(StoreError, match="draft"):
        store.install("other")
    assert store.queue().empty


def test_a_fit_is_had_without_the_weights(store):
    fit = store.fit("gpt2", context=1024)
    assert fit.weights >= 124_439_808 * 2
    assert fit.total > fit.weights
    assert ("fits" in fit.why) == fit.fits


def test_a_closed_store_says_so(database_url):
    store = gw.Store(database_url, user="ada")
    store.close()
    with pytest.raises(ClosedError, match=r"gw\.Store\(\)"):
        store.search()
