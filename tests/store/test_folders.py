from __future__ import annotations

import json
import os
import time

import pytest

from gptwidgets.errors import Cancelled, ChecksumError
from gptwidgets.store import folders
from gptwidgets.store.folders import MANIFEST, Watch, check, manifest, seal
from gptwidgets.store.staging import staged


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def build(stage, content=b"weights" * 1000) -> None:
    (stage / "model").mkdir()
    (stage / "model" / "model.safetensors").write_bytes(content)
    (stage / "model" / "config.json").write_text("{}")
    seal(stage / "model", {"name": "tiny"})


@pytest.fixture
def model(tmp_path):
    with staged(tmp_path, "tiny") as stage:
        build(stage)
    return tmp_path / "tiny"


def test_a_finished_folder_is_in_place_and_whole(model):
    assert names(model) == ["config.json", MANIFEST, "model.safetensors"]
    assert names(model.parent) == [".tiny.lock", "tiny"]
    sealed = manifest(model)
    assert sealed["name"] == "tiny"
    assert set(sealed["files"]) == {"config.json", "model.safetensors"}
    check(model)
    check(model, thorough=True)


def test_others_may_read_it(tmp_path):
    with staged(tmp_path, "tiny") as stage:
        build(stage)
        (stage / "model" / "model.safetensors").chmod(0o600)
        seal(stage / "model", {})
    assert (tmp_path / "tiny").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "tiny" / "model.safetensors").stat().st_mode & 0o777 == 0o644


def change(path, *, keep_time: bool) -> None:
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    later = before.st_mtime if keep_time else before.st_mtime + 60
    os.utime(path, (later, later))


def test_one_changed_byte_is_found(model):
    change(model / "model.safetensors", keep_time=False)
    with pytest.raises(
        ChecksumError, match=r'"model\.safetensors" in ".*" is not as it was installed; delete'
    ):
        check(model)


def test_one_changed_byte_with_its_old_time_is_found_by_a_thorough_check(model):
    change(model / "model.safetensors", keep_time=True)
    check(model)
    with pytest.raises(ChecksumError):
        check(model, thorough=True)


def test_a_missing_and_a_short_file_are_found(model):
    (model / "config.json").unlink()
    with pytest.raises(ChecksumError, match=r'"config\.json" is missing'):
        check(model)
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"short")
    with pytest.raises(ChecksumError, match="not as it was installed"):
        check(model)


def test_a_copy_is_hashed_once_and_then_trusted(model, monkeypatch):
    path = model / "model.safetensors"
    os.utime(path, (1, 1))
    check(model)
    assert path.stat().st_mtime == pytest.approx(time.time(), abs=60)
    monkeypatch.setattr(folders, "sha256", lambda *_: pytest.fail("hashed again"))
    check(model)


def test_a_copy_that_is_only_read_is_hashed_once_and_remembered(model, monkeypatch, tmp_path):
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path / "home"))
    os.utime(model / "model.safetensors", (1, 1))
    hashed = []

    def refuse(*_):
        raise PermissionError(13, "read-only")

    plain = folders.sha256
    monkeypatch.setattr(folders, "sha256", lambda path: hashed.append(path.name) or plain(path))
    with monkeypatch.context() as only_read:
        only_read.setattr("os.utime", refuse)
        check(model)
        check(model)
        assert hashed == ["model.safetensors"]
    os.utime(model / "model.safetensors", (2, 2))  # another change: looked at again
    with monkeypatch.context() as only_read:
        only_read.setattr("os.utime", refuse)
        check(model)
        (tmp_path / "home" / "verified.json").write_text("broken")
        check(model)
    assert hashed == ["model.safetensors"] * 3


def test_a_manifest_of_another_format_is_none(model):
    sealed = json.loads((model / MANIFEST).read_text())
    (model / MANIFEST).write_text(json.dumps({**sealed, "format": 99}))
    assert manifest(model) is None
    (model / MANIFEST).write_text("{")
    assert manifest(model) is None


def test_hashing_can_be_watched_and_stopped(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(10_000_000))
    told = []
    folders.sha256(path, Watch(tell=lambda *report: told.append(report)))
    assert told[-1] == ("checking file", 10_000_000, 10_000_000, "bytes")

    def stop():
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        folders.sha256(path, Watch(stop=stop))
