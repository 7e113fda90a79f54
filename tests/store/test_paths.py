from __future__ import annotations

import pytest

from gptwidgets.errors import InstallError
from gptwidgets.store import paths


def test_the_users_data_folder_can_be_moved(monkeypatch, tmp_path):
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path))
    assert paths.home() == tmp_path
    assert paths.models() == tmp_path / "models"
    monkeypatch.setenv("GPTWIDGETS_HOME", "~/elsewhere")
    assert "~" not in str(paths.home())
    monkeypatch.delenv("GPTWIDGETS_HOME")
    assert paths.home().name == "gptwidgets"


def test_a_shared_folder_is_named_or_none(monkeypatch, tmp_path):
    monkeypatch.delenv("GPTWIDGETS_MODELS", raising=False)
    assert paths.shared_models() is None
    monkeypatch.setenv("GPTWIDGETS_MODELS", str(tmp_path))
    assert paths.shared_models() == tmp_path


def test_a_place_that_cannot_be_written_is_refused_in_words(tmp_path, monkeypatch):
    assert paths.writable(tmp_path / "a/b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(InstallError, match="GPTWIDGETS_HOME"):
        paths.writable(tmp_path / "file" / "below")
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write anywhere
    with pytest.raises(InstallError, match=r"it is read-only.*GPTWIDGETS_HOME"):
        paths.writable(tmp_path)
