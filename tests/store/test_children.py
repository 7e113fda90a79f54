from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gptwidgets.errors import Cancelled, InstallError, OutOfMemory, UnsupportedModelError
from gptwidgets.store.children import run_child
from gptwidgets.store.folders import NOBODY, Watch
from tests.waiting import until

CHILD = """\
import os, sys, time
from pathlib import Path
from gptwidgets import errors
from gptwidgets.store.children import serve

def work(arguments, watch):
{work}

def words(error, arguments):
    return errors.InstallError(f"{{arguments['name']}} went wrong: {{error}}")

sys.exit(serve(work, words if {worded} else None))
"""


@pytest.fixture
def child(monkeypatch, tmp_path):
    """Runs these lines as the work of a child."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def run(lines: str, watch=NOBODY, *, worded=True, **options):
        body = "\n".join(f"    {line}" for line in lines.splitlines())
        (tmp_path / "some_child.py").write_text(CHILD.format(work=body, worded=worded))
        return run_child("some_child", {"name": "Ünï", "at": str(tmp_path)}, watch, **options)

    return run


def test_reports_and_the_result_come_through_whatever_else_is_printed(child):
    told = []
    result = child(
        """\
print("hello", flush=True)
os.write(1, b"from a library's C\\n")
watch.tell("counting", 1, 2, "things")
watch.tell("counting", 2, 2, "things")
return {"name": arguments["name"], "env": os.environ["SAID"]}""",
        Watch(tell=lambda *report: told.append(report)),
        environment={"SAID": "so"},
    )
    assert result == {"name": "Ünï", "env": "so"}
    assert told == [("counting", 1, 2, "things"), ("counting", 2, 2, "things")]


def test_many_reports_are_thinned_out_but_for_the_last(child):
    told = []
    child(
        "for i in range(100_001): watch.tell('counting', i, 100_000, 'things')\nreturn {}",
        Watch(tell=lambda *report: told.append(report[1])),
    )
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, 100_000)
    assert len(told) < 2000


def test_its_errors_are_ours(child):
    with pytest.raises(UnsupportedModelError, match=r"^not this one$"):
        child('raise errors.UnsupportedModelError("not this one")')
    with pytest.raises(InstallError, match=r"^Ünï went wrong: 'x'$"):
        child('{}["x"]')
    with pytest.raises(InstallError, match=r"^The work crashed \(KeyError: 'x'\)\.$"):
        child('{}["x"]', worded=False, what="the work")


def test_one_that_is_killed(child):
    with pytest.raises(OutOfMemory, match=r"^The system ended the work, most likely because memory ran out"):
        child("os.kill(os.getpid(), 9)", what="the work")
    with pytest.raises(OutOfMemory, match=r"ended the work, so try again\.$"):
        child("os.kill(os.getpid(), 9)", what="the work", killed="so try again")


def test_one_that_cannot_begin(child, tmp_path):
    with pytest.raises(InstallError, match=r"This work crashed \(.*no_such_child.*\)"):
        run_child("no_such_child", {})


def test_stop_ends_it_at_once(child, tmp_path):
    pid, asked = tmp_path / "pid", []

    def stop():
        if pid.exists() and pid.read_text():
            asked.append(time.monotonic())
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        child(f"Path({str(pid)!r}).write_text(str(os.getpid()))\ntime.sleep(60)", Watch(stop=stop))
    assert time.monotonic() - asked[0] < 0.3
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


@pytest.mark.skipif(not hasattr(os, "getpgid"), reason="there are no groups of processes")
def test_who_interrupts_a_cell_does_not_interrupt_the_work_of_another(child):
    # Jupyter sends the interrupt to the kernel's whole group of processes.
    group = child("return {'group': os.getpgid(0)}")["group"]
    assert group != os.getpgid(0)


def test_it_ends_with_its_parent_even_one_that_is_killed(child, monkeypatch, tmp_path):
    child("return {}")  # writes the module
    pid = tmp_path / "pid"
    code = (tmp_path / "some_child.py").read_text()
    endless = f"Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(600)"
    (tmp_path / "some_child.py").write_text(code.replace("return {}", endless))
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from gptwidgets.store.children import run_child; run_child('some_child', {})",
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )
    until(lambda: pid.exists() and pid.read_text())
    parent.kill()
    parent.wait()
    status = Path(f"/proc/{pid.read_text()}/stat")

    def ended() -> bool:
        return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] == "Z"

    if not status.parent.parent.joinpath("self").exists():
        pytest.skip("needs /proc")
    until(ended)
