from __future__ import annotations

import os
from pathlib import Path

import pytest

from gptwidgets.errors import Cancelled, InstallError, UnknownModelError
from gptwidgets.store import disk, install, paths
from gptwidgets.store.folders import Watch, check
from tests.store.hub.standin import COMMIT
from tests.store.hub.test_hubinstall import Listing, get, names


@pytest.fixture
def model(hub, home) -> Path:
    return get()


def change(path: Path) -> None:
    """Changes one byte, and leaves the time of change as it was."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    os.utime(path, (before.st_mtime, before.st_mtime))


def states(name: str = "tiny") -> dict[str, str]:
    return {row.file: row.state for row in disk.verify(name)}


def test_every_kind_of_model_is_listed_with_what_it_takes(hub, model, cache, tmp_path, monkeypatch):
    cache("us/other", COMMIT, {"model.safetensors": bytes(3000)})
    gguf = tmp_path / "mine.gguf"
    gguf.write_bytes(b"GGUF")

    def convert(_source, folder):
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(bytes(5000))
        return {"quantisation": "F16"}

    install.converted(gguf, convert)
    (tmp_path / "class" / "ours").mkdir(parents=True)
    (tmp_path / "class" / "ours" / "config.json").write_text("{}")
    monkeypatch.setenv("GPTWIDGETS_MODELS", str(tmp_path / "class"))
    hub.file_status = 500
    with pytest.raises(InstallError):
        get(Listing(name="us/half"))
    found = {use.name: use for use in disk.use()}
    assert {name: use.kind for name, use in found.items()} == {
        "tiny": "installed",
        "us/half": "half fetched",
        "mine": "converted",
        "ours": "shared",
        "us/other": "Hugging Face cache",
    }
    tiny = found["tiny"]
    assert tiny.bytes == sum(path.stat().st_size for path in model.iterdir())
    assert (tiny.folder, tiny.revision, tiny.removable) == (model, COMMIT, True)
    assert tiny.installed is not None
    assert found["us/other"].bytes == 3000 + len(COMMIT)  # its branch is a file
    assert not found["ours"].removable
    sizes = [use.bytes for use in disk.use()]
    assert sizes == sorted(sizes, reverse=True)


def test_every_file_is_verified(model):
    assert set(states().values()) == {"right"}
    change(model / "model.safetensors")
    (model / "config.json").unlink()
    (model / "own.txt").write_text("mine")
    assert states() == {
        "README.md": "right",
        "config.json": "missing",
        "model.safetensors": "changed",
        "own.txt": "added",
        "tokenizer.json": "right",
    }
    with pytest.raises(UnknownModelError, match="not installed here"):
        disk.verify("other")


def test_verifying_can_be_stopped(model):
    def stop():
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        disk.verify("tiny", Watch(stop=stop))


@pytest.mark.parametrize("broken", ["model.safetensors", "tokenizer.json"])
def test_repair_fetches_only_what_is_broken(hub, model, broken):
    change(model / broken)
    hub.asked.clear()
    get(again=True)
    assert set(states().values()) == {"right"}
    check(model, thorough=True)
    assert {entry[1] for entry in hub.asked if entry[0] == "file"} == {broken}
    assert names(paths.models()) == [".tiny.lock", "tiny"]


def test_repair_of_what_is_whole_fetches_nothing(hub, model):
    hub.asked.clear()
    get(again=True)
    assert [entry for entry in hub.asked if entry[0] == "file"] == []


def test_a_repair_that_fails_leaves_what_was_there(hub, model):
    change(model / "model.safetensors")
    hub.file_status = 500
    with pytest.raises(InstallError, match=r"trouble of its own \(500\)"):
        get(again=True)
    assert states()["model.safetensors"] == "changed"
    assert states()["tokenizer.json"] == "right"


def test_a_model_that_is_removed_is_gone_but_runs_on_where_it_is_open(model):
    with (model / "model.safetensors").open("rb") as opened:
        first = opened.read(100)
        assert disk.remove("tiny") > 200_000
        opened.seek(0)
        assert opened.read(100) == first
    assert install.installed("tiny") is None
    assert names(paths.models()) == [".tiny.lock"]
    with pytest.raises(UnknownModelError, match=r"gw\.Store\(\)\.disk\(\)"):
        disk.remove("tiny")


def test_what_is_half_fetched_is_removed_too(hub, home):
    hub.spoilt["model.safetensors"] = bytes(len(hub.files["model.safetensors"]))
    with pytest.raises(InstallError):
        get(Listing(name="us/tiny"))
    assert disk.remove("us/tiny") > 0
    assert names(paths.models()) == [".us--tiny.lock"]


def test_what_is_not_ours_is_left_alone(hub, home, cache, tmp_path, monkeypatch):
    cache("us/other", COMMIT, {"model.safetensors": bytes(3000)})
    with pytest.raises(
        InstallError, match=r"belongs to Hugging Face's tools; .*`hf cache rm model/us/other`"
    ):
        disk.remove("us/other")
    (tmp_path / "class" / "ours").mkdir(parents=True)
    (tmp_path / "class" / "ours" / "config.json").write_text("{}")
    monkeypatch.setenv("GPTWIDGETS_MODELS", str(tmp_path / "class"))
    with pytest.raises(InstallError, match="is shared and only read"):
        disk.remove("ours")
    for name in ("..", "../home", "", "/"):
        with pytest.raises(UnknownModelError):
            disk.remove(name)
    assert (tmp_path / "class" / "ours").is_dir()
