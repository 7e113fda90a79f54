"""What a kill at any moment, a full disk and a misbehaving Hub do to an install."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gptwidgets.errors import Cancelled, InstallError, UnknownModelError
from gptwidgets.store import fetching, install, staging
from gptwidgets.store.folders import check, manifest
from gptwidgets.store.jobs import Job, Queue
from tests.store.hub.standin import COMMIT, safetensors
from tests.store.hub.test_hubinstall import get, names
from tests.waiting import until

SHARDS = 4


def begin() -> Job:
    return Queue().submit("install", "tiny", lambda watch: get(watch=watch))


@pytest.fixture
def sharded(hub):
    """A model of several files: what was finished before a kill can be told from what was not."""
    index = {"weight_map": {str(n): f"model-{n}.safetensors" for n in range(SHARDS)}}
    hub.models["us/tiny"] = {
        "config.json": hub.files["config.json"],
        "model.safetensors.index.json": str(index).replace("'", '"').encode(),
        **{f"model-{n}.safetensors": safetensors(20_000, n) for n in range(SHARDS)},
    }
    return hub


# Installs in a forked process, which has its modules already; the nth is killed at its nth tell, or at the
# nth thing that it does to the disk. It does what the child of an install does, and the parent's last step.
KILLED = """
import os, signal, sys
from pathlib import Path
from huggingface_hub import file_download, hf_api
from gptwidgets.store import fetching, hubinstall, install
from gptwidgets.store.folders import Watch
from tests.store.hub.test_hubinstall import get

def at_the(n):
    def hook(event, _):
        nonlocal n
        n -= event.startswith(("os.", "open", "shutil.", "tempfile."))
        if n == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return hook

def here(_module, arguments, watch, **_options):  # the work of the child, in this process
    return fetching.work(dict(arguments), watch)

hubinstall.run_child = here
homes = Path(sys.argv[1])
points = [int(n) for n in sys.argv[2].split(",")]
for n in points:
    if not (child := os.fork()):
        os.environ["GPTWIDGETS_HOME"] = str(homes / str(n))
        sys.addaudithook(at_the(n))
        get()
        os._exit(0)
    print(n, os.WIFSIGNALED(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_point_it_is_old_or_new_and_nothing_finished_is_fetched_twice(
    sharded, tmp_path, monkeypatch
):
    """Twenty points of the whole way and more, spread over everything that an install does to the disk."""
    points = [*range(1, 126, 5), 1000]
    out = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), ",".join(map(str, points))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HF_HUB_DISABLE_PROGRESS_BARS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    killed = {int(n): how == "True" for n, how in map(str.split, out.stdout.splitlines())}
    assert sum(killed.values()) >= 20
    assert not all(killed.values())
    resumed = 0
    for n in points:
        monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path / str(n)))
        found = install.installed("tiny")
        models = tmp_path / str(n) / "models"
        if found is not None:
            check(found, thorough=True)
            continue
        assert killed[n]
        assert not (models / "tiny").exists()
        finished = set(names(models / ".tiny.part" / "model"))
        sharded.asked.clear()
        check(get(), thorough=True)  # the next try succeeds
        again = {entry[1] for entry in sharded.asked if entry[0] == "file"}
        assert not again & {name for name in finished if not name.startswith(".")}
        resumed += len(finished) > 2
        assert names(models) == [".tiny.lock", "tiny"]
    assert resumed >= 3


def ended(process):
    """Whether a process is gone, or waits only for somebody to ask how it ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("whom", ["parent", "child"])
def test_the_real_processes_killed_half_way(sharded, processes, home, tmp_path, whom):
    sharded.hold["model-2.safetensors"] = 70_000
    code = "from tests.store.hub.test_hubinstall import get; get()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE)
    parts, made = (home / "models" / ".tiny.part" / part for part in ("parts", "model"))
    finished = {"config.json", "model.safetensors.index.json", "model-0.safetensors", "model-1.safetensors"}
    assert sharded.reached.wait(60)
    until(lambda: finished <= set(names(made)), 60)
    until(lambda: any(part.stat().st_size == 65_536 for part in parts.glob("*")), 60)  # a chunk
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    if not children.exists():
        parent.kill()
        pytest.skip("needs /proc")
    child = int(children.read_text().split()[0])
    if whom == "parent":
        parent.kill()
        until(lambda: ended(child))  # it ends when its parent does, a moment later
    else:
        os.kill(child, signal.SIGKILL)
    said = parent.communicate(timeout=30)[1].decode()
    if whom == "child":
        assert "The system ended the fetching of tiny, from outside or for want of memory; what was" in said
    assert install.installed("tiny") is None
    assert finished <= set(names(made))
    sharded.hold.clear()
    sharded.go.set()
    sharded.asked.clear()
    check(get(), thorough=True)
    files = [entry[1:3] for entry in sharded.asked if entry[0] == "file"]
    assert files == [("model-2.safetensors", 65_536), ("model-3.safetensors", 0)]


# -- the disk ------------------------------------------------------------------------------------------


def test_room_is_looked_for_first(hub, home, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=100_000)
    monkeypatch.setattr(staging.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InstallError, match=r"has 0\.0 GB free, and this needs about .* make room"):
        get()
    assert hub.fetched("model.safetensors") == []


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 400 kB, where we may make one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can make a small disk")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=400k", "tmpfs", place], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("this machine lets nobody make a small disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_disk_that_fills_on_the_way(hub, processes, small_disk, monkeypatch):
    monkeypatch.setenv("GPTWIDGETS_HOME", str(small_disk / "home"))
    hub.hold["model.safetensors"] = 66_000  # begun, when there was room
    filler = small_disk / "filler"
    job = begin()
    assert hub.reached.wait(30)
    until(lambda: list((small_disk / "home" / "models" / ".tiny.part" / "parts").glob("*")))
    filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - 4096))
    hub.go.set()
    with pytest.raises(InstallError, match="make room, or set GPTWIDGETS_HOME"):
        job.wait(60)
    assert install.installed("tiny") is None
    filler.unlink()
    hub.hold.clear()
    check(get(), thorough=True)
    assert hub.fetched("model.safetensors")[-1][0] > 0  # it went on from there


# -- the Hub -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (401, InstallError, r"does not let you have that \(401\): log in with `hf auth login`"),
        (403, InstallError, r"accept its licence: do so at .*/us/tiny, and log in with `hf auth login`"),
        (404, UnknownModelError, 'no model "us/tiny"'),
        (429, InstallError, r"asked too often \(429\): wait a minute"),
        (500, InstallError, r"trouble of its own \(500\)"),
    ],
)
def test_what_the_hub_refuses(hub, home, status, kind, said):
    hub.status = status
    with pytest.raises(kind, match=said) as caught:
        get()
    assert "\n" not in str(caught.value)
    hub.status = None
    check(get())


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b"[]", b"null", b'{"id": 3}', b'{"id": "us/tiny", "sha": "x", "siblings": [{}]}']
)
def test_answers_that_make_no_sense(hub, home, monkeypatch, body):
    hub.body = body
    with pytest.raises(InstallError, match="makes no sense") as caught:
        get()
    assert "\n" not in str(caught.value)


def test_a_hub_that_hangs_can_be_stopped(hub, home, processes):
    hub.hang = True
    job = begin()
    assert hub.reached.wait(30)
    begun = time.monotonic()
    job.cancel()
    with pytest.raises(Cancelled):
        job.wait(10)
    assert time.monotonic() - begun < 0.3


def test_a_hub_that_hangs_is_not_waited_for_for_ever(hub, home, monkeypatch):
    hub.hang = True
    monkeypatch.setattr(fetching, "ANSWER_WITHIN", 0.2)
    with pytest.raises(InstallError, match="it does not answer"):
        get()


def test_no_network(hub, home, processes, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(
        InstallError, match=r"could not be fetched from the Hugging Face Hub.*Is there a network"
    ):
        get()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InstallError, match="HF_HUB_OFFLINE keeps it from being asked"):
        get()


def test_speed_and_time_left_of_a_real_install(hub, processes, home):
    hub.models["us/tiny"] = {**hub.files, "model.safetensors": safetensors(400_000)}
    hub.hold["model.safetensors"] = 800_000
    job = begin()
    assert hub.reached.wait(30)
    until(lambda: job.stage == "downloading" and job.total > 1_600_000)
    until(lambda: job.speed)
    assert job.left_s is not None
    hub.go.set()
    assert manifest(job.wait(60).result)["source"]["revision"] == COMMIT
