from __future__ import annotations

import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gptwidgets.errors import (
    Cancelled,
    ChecksumError,
    InstallError,
    UnknownModelError,
    UnsafeModelError,
)
from gptwidgets.store import install, paths
from gptwidgets.store.folders import Watch, check, manifest
from tests.store.hub.standin import COMMIT, safetensors, tiny
from tests.waiting import until


@dataclass
class Listing:
    name: str = "tiny"
    licence: str = "MIT"
    source: dict[str, Any] = field(default_factory=lambda: {"kind": "hub", "repository": "us/tiny"})
    gated: bool = False


def get(listing=None, convert=None, **options) -> Path:
    return install.install(listing or Listing(), convert or (lambda *_: pytest.fail("converted")), **options)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# -- what it does ------------------------------------------------------------------------------------


def test_config_tokenizer_card_and_weights_are_fetched_verified_and_pinned(hub, processes, home):
    told, noted = [], []
    folder = get(note=noted.append, watch=Watch(tell=lambda *report: told.append(report)))
    assert folder == home / "models" / "tiny"
    assert names(folder) == [
        "README.md",
        "config.json",
        "gptwidgets.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    check(folder, thorough=True)
    sealed = manifest(folder)
    assert sealed["source"] == {"kind": "hub", "repository": "us/tiny", "revision": COMMIT}
    assert (sealed["architecture"], sealed["parameters"], sealed["dtype"]) == ("gpt2", 50_000, "float32")
    assert (sealed["name"], sealed["licence"], sealed["context_length"]) == ("tiny", "MIT", 64)
    weights = hashlib.sha256(hub.files["model.safetensors"]).hexdigest()
    assert sealed["files"]["model.safetensors"]["sha256"] == weights
    assert {entry[1] for entry in hub.asked if entry[0] == "file"} == set(names(folder)) - {"gptwidgets.json"}
    assert names(home / "models") == [".tiny.lock", "tiny"]
    done = [report[1:] for report in told if report[0] == "downloading"]
    assert done[-1] == (done[-1][1], sum(f["bytes"] for f in sealed["files"].values()), "bytes")
    (fact,) = noted
    assert (fact["name"], fact["revision"], fact["folder"]) == ("tiny", COMMIT, str(folder))
    assert fact["bytes"] == done[-1][1]


def test_what_is_installed_is_not_asked_for_again(hub, home):
    first = get()
    hub.asked.clear()
    noted = []
    assert get(note=noted.append) == first
    assert hub.asked == []
    assert len(noted) == 1  # whoever keeps the books may have missed it the first time


def test_shards_are_what_the_index_lists(hub, home):
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    hub.models["us/tiny"] = {
        "config.json": hub.files["config.json"],
        "model.safetensors.index.json": json.dumps(index).encode(),
        **{f"model-{n}.safetensors": safetensors(100, n) for n in (1, 2, 3)},
    }
    folder = get()
    assert [n for n in names(folder) if n.endswith("safetensors")] == [
        "model-1.safetensors",
        "model-2.safetensors",
    ]
    assert manifest(folder)["parameters"] == 200


def test_a_repository_with_only_gguf_is_converted(hub, home):
    hub.models["us/tiny"] = {
        "tiny.Q4_K_M.gguf": b"GGUF four",
        "tiny.Q8_0.gguf": b"GGUF eight",
        "README.md": b"# Card",
    }

    def convert(source, folder):
        assert source.read_bytes() == b"GGUF eight"
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        return {"quantisation": "Q8_0", "architecture": "llama"}

    folder = get(convert=convert)
    assert names(folder) == ["README.md", "config.json", "gptwidgets.json"]
    sealed = manifest(folder)
    assert sealed["notes"] == ["dequantised from Q8_0; differs from the original weights"]
    assert sealed["source"]["gguf"] == "tiny.Q8_0.gguf"
    assert sealed["source"]["sha256"] == hashlib.sha256(b"GGUF eight").hexdigest()


def test_a_name_of_the_hub_is_a_folder_of_its_own(hub, home):
    folder = get(Listing(name="us/tiny"))
    assert folder == home / "models" / "us--tiny"
    assert install.installed("us/tiny") == folder


# -- stopped, cut off, done again ----------------------------------------------------------------------


def test_stopped_within_a_moment_and_resumed_where_it_was(hub, processes, home):
    hub.hold["model.safetensors"] = 150_000
    asked: list[float] = []

    def stop():
        part = list((home / "models" / ".tiny.part" / "parts").glob("*"))
        if part and part[0].stat().st_size >= 131_072:  # two chunks
            asked.append(time.monotonic())
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        get(watch=Watch(stop=stop))
    assert time.monotonic() - asked[0] < 0.3
    assert install.installed("tiny") is None
    hub.hold.clear()
    hub.go.set()
    before = len(hub.asked)
    check(get(), thorough=True)
    total = len(hub.files["model.safetensors"])
    assert [entry for entry in hub.asked[before:] if entry[0] == "file"] == [
        ("file", "model.safetensors", 131_072, total - 131_072)
    ]


def test_a_server_that_knows_no_ranges_sends_it_whole(hub, home):
    hub.cut["model.safetensors"] = 100_000
    hub.ranges = False
    check(get(), thorough=True)
    assert [first for first, _ in hub.fetched("model.safetensors")] == [0, 0]


def test_a_connection_that_breaks_is_taken_up_again(hub, processes, home):
    hub.cut["model.safetensors"] = 100_000
    check(get(), thorough=True)
    assert [first for first, _ in hub.fetched("model.safetensors")] == [0, 65_536]  # a chunk


def test_a_half_that_is_broken_is_fetched_anew(hub, home):
    digest = hashlib.sha256(hub.files["model.safetensors"]).hexdigest()
    part = home / "models" / ".tiny.part" / "parts" / digest
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    check(get(), thorough=True)
    assert [first for first, _ in hub.fetched("model.safetensors")] == [1000, 0]


def test_another_revision_takes_what_is_the_same(hub, home):
    old = get()
    hub.revisions["us/tiny"] = "2" * 40
    hub.models["us/tiny"] = {**tiny(), "tokenizer.json": b"[]"}
    hub.asked.clear()
    assert get() == old  # without a word about a revision what is there is good
    folder = get(revision="2" * 40)
    assert manifest(folder)["source"]["revision"] == "2" * 40
    assert (folder / "tokenizer.json").read_bytes() == b"[]"
    assert {entry[1] for entry in hub.asked if entry[0] == "file"} == {"tokenizer.json"}


def test_what_is_in_hugging_faces_cache_is_not_fetched(hub, home, cache):
    weights = hub.files["model.safetensors"]
    cache("us/tiny", COMMIT, {"model.safetensors": weights})
    folder = get()
    assert hub.fetched("model.safetensors") == []
    assert (folder / "model.safetensors").read_bytes() == weights
    assert (folder / "model.safetensors").stat().st_nlink == 2  # and takes no room


def test_a_broken_file_of_that_cache_is_not_used(hub, home, cache):
    blob = cache("us/tiny", COMMIT, {"model.safetensors": hub.files["model.safetensors"]})
    with blob.open("r+b") as file:
        file.seek(5000)
        file.write(b"!")
    check(get(), thorough=True)
    assert len(hub.fetched("model.safetensors")) == 1


def test_a_whole_model_in_that_cache_needs_no_network(hub, processes, home, cache, monkeypatch):
    files = {name: hub.files[name] for name in ("config.json", "tokenizer.json", "model.safetensors")}
    cache("us/tiny", COMMIT, files)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    listing = Listing(source={"kind": "hub", "repository": "us/tiny", "revision": COMMIT})
    folder = get(listing)
    assert hub.asked == []
    check(folder, thorough=True)
    assert set(names(folder)) == {*files, "gptwidgets.json"}


def test_two_at_the_same_time_wait_for_each_other(hub, processes, home):
    hub.hold["model.safetensors"] = 1000
    told: list[str] = []
    found: list[Path] = []

    def second():
        found.append(get(watch=Watch(tell=lambda stage, *_: told.append(stage))))

    one = threading.Thread(target=lambda: found.append(get()))
    one.start()
    assert hub.reached.wait(20)
    two = threading.Thread(target=second)
    two.start()
    until(lambda: "waiting for another install of the same model" in told)
    hub.go.set()
    one.join(20)
    two.join(20)
    assert found == [home / "models" / "tiny"] * 2
    assert len(hub.fetched("model.safetensors")) == 1


# -- what is refused -----------------------------------------------------------------------------------


def test_a_licence_is_to_be_accepted_before_anything_is_fetched(hub, home):
    for listing in (Listing(gated=True), Listing(licence="llama3.2")):
        with pytest.raises(InstallError) as caught:
            get(listing)
        said = str(caught.value)
        assert f'the licence "{listing.licence}"' in said
        assert f"read it at {hub.url}/us/tiny" in said
        assert 'gw.Store().install("tiny", accept_licence=True)' in said
    assert hub.asked == []
    assert manifest(get(listing, accept_licence=True))["accepted"] is True


def test_a_licence_that_only_the_card_knows(hub, home):
    hub.facts["us/tiny"] = {"cardData": {"license": "other", "license_name": "tiny-research-only"}}
    with pytest.raises(InstallError, match='licence "tiny-research-only"'):
        get(Listing(licence=""))
    assert hub.fetched("model.safetensors") == []
    hub.facts["us/tiny"] = {"gated": "auto"}
    with pytest.raises(InstallError, match="accepted first"):
        get()


def test_pickles_are_refused_in_words(hub, home):
    del hub.files["model.safetensors"]
    with pytest.raises(UnsafeModelError, match=r"are pickles \(pytorch_model\.bin\).*safetensors"):
        get()
    del hub.files["pytorch_model.bin"]
    with pytest.raises(UnknownModelError, match="no weights"):
        get()
    assert hub.fetched("pytorch_model.bin") == []


def test_what_the_judge_refuses_is_not_fetched(hub, home):
    def judge(folder, files):
        assert json.loads((folder / "config.json").read_text())["model_type"] == "gpt2"
        assert "code.py" in files
        raise UnsafeModelError("wants to run code")

    with pytest.raises(UnsafeModelError, match="wants to run code"):
        get(judge=judge)
    assert hub.fetched("model.safetensors") == []


@pytest.mark.parametrize("body", [b"\x80\x04\x95 a pickle" * 100, b"", safetensors(100)[:-1]])
def test_what_only_calls_itself_safetensors(hub, processes, home, body):
    hub.files["model.safetensors"] = body
    with pytest.raises(UnsafeModelError, match=r'"model\.safetensors" is no safetensors file'):
        get()
    assert install.installed("tiny") is None


@pytest.mark.parametrize(
    "name",
    [
        "../evil.json",
        "a/../../evil.json",
        "/etc/evil.json",
        "..\\evil.json",
        "C:evil.json",
        "a\nb.json",
        ".. ",
    ],
)
def test_names_that_lead_elsewhere(hub, home, name):
    hub.files[name] = b"{}"
    with pytest.raises(UnsafeModelError, match="would be written elsewhere"):
        get()
    assert [entry for entry in hub.asked if entry[0] == "file"] == []


def test_an_index_that_leads_elsewhere(hub, home):
    index = {"weight_map": {"a": "../../evil.safetensors"}}
    hub.files["model.safetensors.index.json"] = json.dumps(index).encode()
    with pytest.raises(InstallError, match=r"names a file .*that the repository does not have"):
        get()
    hub.files["model.safetensors.index.json"] = b"[" * 5000
    with pytest.raises(InstallError, match="cannot be read"):
        get()


@pytest.mark.parametrize("name", ["../evil", "a/b/c", "", ".", "C:\\evil", "a\0b", "x" * 300])
def test_names_that_no_folder_can_have(hub, home, name):
    with pytest.raises(InstallError, match="cannot be installed under the name"):
        get(Listing(name=name))
    assert install.installed(name) is None


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_with_one_changed_byte(hub, home, name):
    content = bytearray(hub.files[name])
    content[-1] ^= 1
    hub.spoilt[name] = bytes(content)
    with pytest.raises(ChecksumError, match=rf"{name} came otherwise than the Hugging Face Hub lists"):
        get()
    hub.spoilt.clear()
    check(get(), thorough=True)


def test_what_is_not_there(hub, home):
    with pytest.raises(UnknownModelError, match='no model "us/missing"'):
        get(Listing(source={"kind": "hub", "repository": "us/missing"}))
    with pytest.raises(UnknownModelError, match='no revision "nowhere"'):
        get(revision="nowhere")


def test_a_home_that_is_only_read(hub, home, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(InstallError, match="set GPTWIDGETS_HOME to a folder that can be"):
        get()
    assert paths.models().parent.parent == tmp_path / "file"
