from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from gptwidgets.errors import Cancelled, ChecksumError, InstallError, UnsafeModelError
from gptwidgets.store import install
from gptwidgets.store.folders import Watch, check, manifest, seal
from tests.store.hub.standin import CONFIG, safetensors


@pytest.fixture
def published(tmp_path, monkeypatch):
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GPTWIDGETS_MODELS", raising=False)
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(safetensors(1_000_000))
    seal(folder, {"name": "own"})
    return folder


def get(folder, watch=None, **source):
    listing = SimpleNamespace(
        name="own", licence="MIT", source={"kind": "folder", "path": str(folder), **source}
    )
    return install.install(listing, lambda *_: {}, watch=watch or Watch())


def test_a_published_folder_is_copied_verified_and_sealed(published):
    noted = []
    folder = get(published, watch=Watch(tell=lambda *report: noted.append(report)))
    check(folder, thorough=True)
    sealed = manifest(folder)
    assert (sealed["architecture"], sealed["licence"]) == ("gpt2", "MIT")
    assert sealed["source"]["path"] == str(published)
    assert ("copying", noted[-1][2], noted[-1][2], "bytes") in noted
    assert get(published) == folder


def test_one_changed_byte_is_refused(published):
    content = bytearray((published / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (published / "model.safetensors").write_bytes(content)
    with pytest.raises(ChecksumError, match="is not the file that was published"):
        get(published)
    assert install.installed("own") is None


def test_what_was_copied_is_not_copied_again(published):
    def stop_at_the_weights(stage, done, total, unit):
        if done > 2_000_000:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        get(published, watch=Watch(tell=stop_at_the_weights))
    assert install.installed("own") is None
    check(get(published), thorough=True)


@pytest.mark.parametrize("name", ["../evil", "model.bin", "/etc/evil", "a\\b"])
def test_files_that_are_not_safe(published, name):
    with pytest.raises(UnsafeModelError, match="not safe"):
        get(published, files={name: {"bytes": 1, "sha256": "0" * 64}})


def test_a_folder_that_is_gone_and_a_source_that_nobody_knows(published, tmp_path):
    with pytest.raises(InstallError, match="is not there, or has no manifest"):
        get(tmp_path / "nowhere")
    with pytest.raises(InstallError, match='comes from "moon", which cannot be installed'):
        get(published, kind="moon")
