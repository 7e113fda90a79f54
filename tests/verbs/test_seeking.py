"""The catalogue, this machine and the Hub as one store: found, opened, judged, installed."""

from __future__ import annotations

import json
import os
import struct

import pytest

import gptwidgets as gw
from gptwidgets.errors import GPTWidgetsError, InstallError, StoreError, UnknownModelError
from gptwidgets.store import beyond, install
from tests.kernel.test_convert import write_gguf
from tests.store.hub.conftest import cache, here, home, hub  # noqa: F401 - fixtures
from tests.store.hub.standin import COMMIT, CONFIG, safetensors, tiny

CARD = b"---\nlicense: mit\n---\n# Tiny\n\nIt is small enough to be read through in an afternoon.\n"


@pytest.fixture
def place(tmp_path):
    """A folder of the user's own with two models in it."""
    mine = tmp_path / "work" / "mine"
    mine.mkdir(parents=True)
    (mine / "config.json").write_text(json.dumps(CONFIG))
    (mine / "model.safetensors").write_bytes(safetensors(10_000))
    (mine / "README.md").write_text("# Mine")
    (mine / "training.log").write_text("not of the model")
    return tmp_path / "work"


@pytest.fixture
def store(hub, database_url, place, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("GPTWIDGETS_STORE_FILES", str(tmp_path / "shared"))
    monkeypatch.delenv("GPTWIDGETS_MODELS", raising=False)
    hub.models["us/tiny"] = {**tiny(), "README.md": CARD}
    hub.facts["us/tiny"] = {
        "safetensors": {"parameters": {"F32": 1000}, "total": 1000},
        "config": {"model_type": "gpt2"},
    }
    hub.models["us/guarded"] = tiny()
    hub.facts["us/guarded"] = {"gated": "manual", "cardData": {"license": "llama3.2"}}
    with gw.Store(database_url, user="ada", folders=[place]) as opened:
        yield opened


def test_what_lies_on_this_machine_is_found_beside_the_catalogue(store, place):
    mine = str(place / "mine")
    alone = store.search(source="embedded", limit=1000)
    both = store.search(limit=1000)
    assert both.attrs["total"] == alone.attrs["total"] + 1 == len(both)
    assert both["name"].iloc[-1] == mine
    assert store.search("mine")["name"].iloc[-1] == mine
    assert store.search(source="machine")["name"].tolist() == [mine]
    row = store.search("mine", source="machine").iloc[0]
    assert (row["origin"], row["architecture"], row["installed"]) == ("machine", "gpt2", False)
    assert store.search("mine", architecture="llama", source="machine").empty
    counted = both.attrs["facets"], alone.attrs["facets"]
    gpt2, before = (dict(facets["architecture"])["gpt2"] for facets in counted)
    assert gpt2 == before + 1


def large(path, n):
    """A file of so many numbers, of which the disk keeps the header only."""
    tensor = {"dtype": "F32", "shape": [n], "data_offsets": [0, 4 * n]}
    header = json.dumps({"wte": tensor}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    os.truncate(path, 8 + len(header) + 4 * n)


@pytest.mark.parametrize("sort", ["parameters", "memory", "context", "name", "stars", "relevance"])
@pytest.mark.parametrize("descending", [None, True, False])
def test_pages_of_both_are_one_list_in_one_order(store, place, sort, descending):
    for n in range(4):
        folder = place / f"m{n}"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({**CONFIG, "n_positions": 1000 * (n + 1)}))
        large(folder / "model.safetensors", 200_000_000 * n + 10)
    asked = {"sort": sort, "descending": descending}
    whole = store.search(limit=1000, **asked)
    pages = [
        store.search(limit=7, offset=offset, **asked)["name"].tolist()
        for offset in range(0, len(whole) + 8, 7)
    ]
    assert [name for page in pages for name in page] == whole["name"].tolist()
    assert whole["name"].is_unique
    column = {"memory": "memory_bytes", "context": "context_length"}.get(sort, sort)
    if sort in {"parameters", "memory", "context"}:
        known = whole[column].dropna()
        assert known.is_monotonic_decreasing or known.is_monotonic_increasing


def test_what_the_catalogue_lists_is_not_found_twice(store, cache):  # noqa: F811
    before = store.search().attrs["total"]
    cache("openai-community/gpt2", COMMIT, {k: v for k, v in tiny().items() if "/" not in k})
    store._seeking.beyond.changed()
    assert store.search().attrs["total"] == before
    assert "gpt2" in store.search(source="machine")["name"].tolist()


def test_what_is_here_needs_no_correction(store, place):
    (place / "mine").rename(place / "smolm2")
    store._seeking.beyond.changed()
    found = store.search("smolm2")
    assert found.attrs["corrected"] is None
    assert found["name"].tolist() == [str(place / "smolm2")]


def test_the_hub_is_asked_only_when_wanted(store, hub):  # noqa: F811
    store.search("tiny")
    store.search("tiny", source="machine")
    assert hub.asked == []
    row = store.search("tiny", source="hub").iloc[0]
    assert (row["name"], row["origin"], row["licence"], row["installed"]) == ("us/tiny", "hub", "MIT", False)
    assert row["memory_bytes"] > 4000
    asked = len(hub.asked)
    store.fit("us/tiny")  # from what was found
    assert len(hub.asked) == asked
    assert "It is small enough" in store.show("us/tiny")["listing"]["card"]
    assert store.search("tiny", source="hub", architecture="llama").empty


@pytest.mark.parametrize("trouble", ["hang", "limit", "nonsense"])
def test_a_hub_in_trouble_is_one_sentence(store, hub, monkeypatch, trouble):  # noqa: F811
    monkeypatch.setattr(beyond, "HUB_WITHIN", 0.3)
    hub.hang = trouble == "hang"
    hub.status = 429 if trouble == "limit" else None
    hub.body = b"<html>" if trouble == "nonsense" else None
    found = store.search("tiny", source="hub")
    assert found.empty
    (said,) = found.attrs["missing"]
    assert "Hugging Face Hub" in said
    assert said.endswith(".")
    assert store.search("gpt2").attrs["missing"] == ()
    with pytest.raises(GPTWidgetsError, match="Hugging Face Hub"):
        store.show("us/other")


def test_a_model_of_the_hub_is_installed_by_the_same_job_and_listed_on_a_store_of_ones_own(store):
    name = store.search("tiny", source="hub")["name"].iloc[0]
    with pytest.raises(StoreError, match="install it first"):
        store.measure(name)
    job = store.install(name).wait(60)
    assert job.result == install.placed("us/tiny")
    assert set(store.verify("us/tiny")["state"]) == {"right"}
    if store.database.shared:  # others have not agreed to it
        assert "us/tiny" not in store.search("tiny", source="embedded")["name"].tolist()
        assert store.search("us/tiny", source="machine")["installed"].tolist() == [True]
        return
    row = store.search("us/tiny", source="embedded").iloc[0]
    assert (row["origin"], row["installed"], row["licence"]) == ("hub", True, "MIT")
    assert store.versions("us/tiny")["revision"].tolist() == [COMMIT]
    store.review("us/tiny", 5, "Tiny.")
    store.remove("us/tiny")
    assert not store.search("us/tiny", source="embedded")["installed"].iloc[0]
    store.install("us/tiny").wait(60)


def test_a_licence_of_the_hub_is_named_and_accepted(store):
    assert store.search("guarded", source="hub")["gated"].tolist() == [True]
    terms = store.show("us/guarded")["listing"]["terms"]
    assert (terms["accept"], terms["licence"]) == (True, "llama3.2")
    assert "log in" in terms["words"]
    with pytest.raises(InstallError, match=r'licence "llama3\.2".*accept_licence=True'):
        store.install("us/guarded").wait(60)
    store.install("us/guarded", accept_licence=True).wait(60)
    assert set(store.verify("us/guarded")["state"]) == {"right"}


def test_a_folder_of_ones_own_is_installed_as_a_copy_with_its_hashes(store, place):
    store.install(str(place / "mine")).wait(60)
    assert set(store.verify("mine")["file"]) == {"README.md", "config.json", "model.safetensors"}
    assert set(store.verify("mine")["state"]) == {"right"}
    (place / "mine" / "config.json").write_text(
        json.dumps({"model_type": "own", "auto_map": {"AutoModel": "code.Own"}})
    )
    (place / "mine").rename(place / "other")
    store._seeking.beyond.changed()
    with pytest.raises(GPTWidgetsError, match="code of its own"):
        store.install(str(place / "other")).wait(60)


def test_a_gguf_file_is_installed_as_what_it_says(store, place):
    write_gguf(place / "small.gguf")
    store._seeking.beyond.changed()
    name = store.search("small.gguf", source="machine")["name"].iloc[0]
    store.install(name).wait(120)
    assert set(store.verify("small")["state"]) == {"right"}
    with store.load("small", progress=False, device="cpu") as gpt:
        assert gpt.name == "small"


def test_what_nobody_has_is_said_so(store):
    with pytest.raises(UnknownModelError, match="nothing"):
        store.show("nothing")
    with pytest.raises(UnknownModelError, match="us/nothing"):
        store.install("us/nothing")
    with pytest.raises(StoreError, match='no source "moon"; take one of embedded, machine, hub'):
        store.search(source="moon")
