from __future__ import annotations

import os
import sys
import time

import pytest

from gptwidgets.errors import Cancelled, InstallError, OutOfMemory, UnsupportedModelError
from gptwidgets.store.folders import Watch
from gptwidgets.verbs import converting
from gptwidgets.verbs.converting import convert


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """Puts a script in the place of the converting process."""

    def put(code: str) -> None:
        (tmp_path / "process.py").write_text("import json, os, sys, time\n" + code)
        script = tmp_path / "python"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path / "process.py"}" "$@"\n')
        script.chmod(0o755)
        monkeypatch.setattr(converting.sys, "executable", str(script))

    return put


def test_reports_and_the_result_are_passed_on(stand_in, tmp_path):
    stand_in("""
print("noise", file=sys.stderr)
print(json.dumps({"stage": "converting", "done": 1, "total": 2, "unit": "tensors"}), flush=True)
print(json.dumps({"result": {"source": sys.argv[3], "folder": sys.argv[4]}}), flush=True)
""")
    told = []
    facts = convert(tmp_path / "a.gguf", tmp_path / "out", Watch(tell=lambda *report: told.append(report)))
    assert told == [("converting", 1, 2, "tensors")]
    assert facts == {"source": str(tmp_path / "a.gguf"), "folder": str(tmp_path / "out")}


def test_its_errors_are_ours(stand_in, tmp_path):
    stand_in('print(json.dumps({"error": {"type": "UnsupportedModelError", "message": "not this one"}}))')
    with pytest.raises(UnsupportedModelError, match=r"^not this one$"):
        convert(tmp_path / "a.gguf", tmp_path / "out")


def test_killed_for_its_memory(stand_in, tmp_path):
    stand_in("os.kill(os.getpid(), 9)")
    with pytest.raises(OutOfMemory, match=r"conversion of a\.gguf.*memory ran out"):
        convert(tmp_path / "a.gguf", tmp_path / "out")


def test_a_crash_is_told_by_its_last_line(stand_in, tmp_path):
    stand_in('raise RuntimeError("the very last line")')
    with pytest.raises(InstallError, match="the very last line"):
        convert(tmp_path / "a.gguf", tmp_path / "out")


def test_stop_ends_the_process(stand_in, tmp_path):
    stand_in(f"""
open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))
time.sleep(60)
""")
    begun = time.monotonic()

    def stop():
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        convert(tmp_path / "a.gguf", tmp_path / "out", Watch(stop=stop))
    assert time.monotonic() - begun < 20
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_real_file_that_is_none(tmp_path):
    (tmp_path / "junk.gguf").write_bytes(b"junk" * 100)
    with pytest.raises(UnsupportedModelError, match=r"junk\.gguf"):
        convert(tmp_path / "junk.gguf", tmp_path / "out")
