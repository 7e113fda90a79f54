from __future__ import annotations

import pytest

from gptwidgets.errors import ChecksumError
from gptwidgets.store import reference


@pytest.fixture(autouse=True)
def fresh():
    yield
    reference.text.cache_clear()


def test_it_is_the_pinned_text_of_some_kilobytes_of_plain_english():
    text = reference.text()
    assert 8_000 < len(text.encode()) < 20_000
    assert text.isascii()
    assert text.startswith("Alice was beginning to get very tired")
    assert text.endswith("finished off the cake.\n")
    assert "public domain" in reference.FILE.with_suffix(".md").read_text("utf-8")


@pytest.mark.parametrize("change", [("Alice", "alice"), ("cake.\n", "cake.")])
def test_another_text_is_not_measured_on(tmp_path, monkeypatch, change):
    changed = tmp_path / "text.txt"
    changed.write_text(reference.text().replace(*change), "ascii")
    reference.text.cache_clear()
    monkeypatch.setattr(reference, "FILE", changed)
    with pytest.raises(ChecksumError, match="install gptwidgets again"):
        reference.text()


def test_windows_line_ends_make_no_difference(tmp_path, monkeypatch):
    other = tmp_path / "text.txt"
    other.write_bytes(reference.text().replace("\n", "\r\n").encode())
    reference.text.cache_clear()
    monkeypatch.setattr(reference, "FILE", other)
    assert reference.text().startswith("Alice")
