from __future__ import annotations

import pytest

from gptwidgets.errors import InstallError, OutOfMemory, UnsupportedModelError
from gptwidgets.store.folders import Watch
from gptwidgets.verbs import convert_child, converting
from gptwidgets.verbs.converting import convert
from tests.kernel.test_convert import write_gguf


def test_a_file_is_converted_in_another_process(tmp_path):
    write_gguf(tmp_path / "tiny.gguf")
    told = []
    facts = convert(tmp_path / "tiny.gguf", tmp_path / "out", Watch(tell=lambda *report: told.append(report)))
    assert (facts["architecture"], facts["dtype"], facts["quantisation"]) == ("llama", "float32", "Q8_0")
    assert (tmp_path / "out" / "model.safetensors").is_file()
    assert told[0] == ("reading the GGUF file", 0, None, "")
    done = [report[1:] for report in told if report[0] == "converting"]
    assert done[-1][0] == done[-1][1] > 1


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "junk.gguf").write_bytes(b"junk" * 100)
    with pytest.raises(UnsupportedModelError, match=r"junk\.gguf"):
        convert(tmp_path / "junk.gguf", tmp_path / "out")


def test_what_is_none_of_our_errors_says_which_file(tmp_path):
    said = convert_child._in_words(RuntimeError("some reason"), {"source": "/a/b.gguf"})
    assert isinstance(said, InstallError)
    assert str(said) == "b.gguf could not be converted: some reason"
    assert isinstance(convert_child._in_words(MemoryError(), {"source": "b.gguf"}), OutOfMemory)


def test_a_process_that_was_killed_says_what_it_did(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(converting, "run_child", lambda *_, **options: asked.append(options) or {})
    convert(tmp_path / "a.gguf", tmp_path / "out")
    assert asked[0]["what"] == "the conversion of a.gguf"
    assert "memory ran out" in asked[0]["killed"]
