from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading

import pytest

from gptwidgets.errors import Cancelled, InstallError
from gptwidgets.store import staging
from gptwidgets.store.folders import Watch, check, manifest, seal
from gptwidgets.store.staging import discard, kept, restored, staged


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def build(stage, content=b"weights" * 1000) -> None:
    (stage / "model").mkdir()
    (stage / "model" / "model.safetensors").write_bytes(content)
    (stage / "model" / "config.json").write_text("{}")
    seal(stage / "model", {"name": "tiny"})


@pytest.mark.parametrize("error", [RuntimeError("half way"), KeyboardInterrupt()])
def test_what_goes_wrong_leaves_nothing(tmp_path, error):
    def work():
        with staged(tmp_path, "tiny") as stage:
            (stage / "model").mkdir()
            raise error

    with pytest.raises(type(error)):
        work()
    assert names(tmp_path) == [".tiny.lock"]


def test_stop_leaves_nothing(tmp_path):
    def stop():
        raise Cancelled("stopped")

    with pytest.raises(Cancelled), staged(tmp_path, "tiny", Watch(stop=stop)) as stage:
        build(stage)
    assert names(tmp_path) == [".tiny.lock"]


def test_what_a_killed_process_left_is_swept_up_and_replaced(tmp_path):
    (tmp_path / ".tiny.part-dead").mkdir()
    (tmp_path / ".tiny.part-dead" / "half").write_bytes(b"x")
    (tmp_path / "tiny").mkdir()  # without a manifest it is not ours, or not whole
    (tmp_path / "tiny" / "model.safetensors").write_bytes(b"half")
    with staged(tmp_path, "tiny") as stage:
        build(stage)
    assert names(tmp_path) == [".tiny.lock", "tiny"]
    check(tmp_path / "tiny")


def test_who_comes_second_waits_and_finds_it_done(tmp_path):
    told, inside, go = [], threading.Event(), threading.Event()

    def first():
        with staged(tmp_path, "tiny") as stage:
            inside.set()
            go.wait(10)
            build(stage)

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait(10)

    def tell(stage, *_):
        told.append(stage)
        go.set()

    with staged(tmp_path, "tiny", Watch(tell=tell)) as stage:
        assert stage is None
    thread.join()
    assert told[0] == "waiting for another install of the same model"


def test_waiting_can_be_stopped(tmp_path):
    inside, go = threading.Event(), threading.Event()

    def first():
        with staged(tmp_path, "tiny") as stage:
            inside.set()
            go.wait(10)
            build(stage)

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait(10)

    def stop():
        raise Cancelled("stopped")

    with pytest.raises(Cancelled), staged(tmp_path, "tiny", Watch(stop=stop)):
        pytest.fail("got the lock")
    go.set()
    thread.join()


def test_a_full_disk_is_said_in_words(tmp_path):
    with pytest.raises(InstallError, match=r"make room, or set GPTWIDGETS_HOME"), staged(tmp_path, "tiny"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(InstallError, match=r"has [\d.]+ GB free, and this needs about 1000000\.0 GB"):
        staging.need_room(tmp_path, 10**15)
    staging.need_room(tmp_path, 1)


def test_what_was_fetched_outlives_a_stop_and_goes_with_the_end(tmp_path):
    def half():
        with staged(tmp_path, "tiny", keep=True) as stage:
            (stage / "half").write_bytes(b"x")
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        half()
    assert names(tmp_path) == [".tiny.lock", ".tiny.part"]
    with staged(tmp_path, "tiny", keep=True) as stage:
        assert (stage / "half").read_bytes() == b"x"
        build(stage)
    assert names(tmp_path) == [".tiny.lock", "tiny"]


# The nth try is killed at the nth thing that it does to the disk.
KILLED = """
import os, signal, sys
from pathlib import Path
from gptwidgets.store.staging import staged
from tests.store.test_staging import build

def at_the(n):
    def hook(event, _):
        nonlocal n
        n -= event.startswith(("os.", "open", "shutil.", "tempfile."))
        if n == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return hook

n, killed = 0, True
while killed:
    n += 1
    root = Path(sys.argv[1]) / str(n)
    with staged(root, "tiny") as stage:
        build(stage, b"old")
    if not (child := os.fork()):
        sys.addaudithook(at_the(n))
        with staged(root, "tiny", keep=True, there=lambda _: False) as stage:
            build(stage, b"new")
        os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
print(n)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_model_that_is_exchanged_is_the_old_one_or_the_new_whenever_it_is_killed(tmp_path):
    out = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found, cut = [], 0
    for n in range(1, int(out.stdout) + 1):
        root = tmp_path / str(n)
        cut += not (root / "tiny").exists()
        restored(root, "tiny")
        check(root / "tiny", thorough=True)
        found.append((root / "tiny" / "model.safetensors").read_bytes())
    assert found == sorted(found, reverse=True)
    assert set(found) == {b"old", b"new"}
    assert cut >= 1  # it was killed between the two steps of the exchange, too


def test_removing_takes_everything_in_one_step(tmp_path, monkeypatch):
    with staged(tmp_path, "tiny") as stage:
        build(stage)
    kept(tmp_path, "tiny").mkdir()
    (kept(tmp_path, "tiny") / "half").write_bytes(bytes(500))
    seen = []
    plain = staging.shutil.rmtree
    monkeypatch.setattr(
        staging.shutil, "rmtree", lambda *a, **k: (seen.append((tmp_path / "tiny").exists()), plain(*a, **k))
    )
    assert discard(tmp_path, "tiny") > 7500
    assert seen == [False]  # it was out of sight before the first file was deleted
    assert names(tmp_path) == [".tiny.lock"]
    assert discard(tmp_path, "tiny") == 0


def test_what_is_being_installed_is_not_removed(tmp_path):
    with staged(tmp_path, "tiny") as stage:
        with pytest.raises(InstallError, match="tiny is just being installed; cancel that first"):
            discard(tmp_path, "tiny")
        build(stage)
    assert manifest(tmp_path / "tiny") is not None
