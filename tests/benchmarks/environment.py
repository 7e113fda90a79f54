"""The peers' environment: a venv in the cache folder, and BertViz's scripts beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from hashlib import sha256
from pathlib import Path

import front_end
from tests.benchmarks.options import cache_folder

# What the peers need besides what this environment has already (torch, transformers, numpy, IPython).
PACKAGES = ["bertviz==1.4.1", "circuitsvis==1.43.3", "importlib-metadata==8.7.0", "zipp==3.23.0"]

# npm package → the file of it that BertViz asks a CDN for.
SCRIPTS = {
    "requirejs@2.3.6": ("package/require.js", "require.min.js"),
    "d3@5.7.0": ("package/dist/d3.min.js", "d3.min.js"),
    "jquery@2.1.0": ("package/dist/jquery.min.js", "jquery.min.js"),
}


def peers_python() -> Path:
    """The interpreter of the peers' environment, which is built when it is not there yet.

    Its path ends with this environment's packages, so that peers and we run on the same torch and
    nothing large is installed twice.
    """
    ours = sysconfig.get_path("purelib")
    name = sha256(" ".join([*PACKAGES, ours, sys.version]).encode()).hexdigest()[:12]
    folder = cache_folder() / f"peers-{name}"
    python = _python_of(folder)
    if not folder.exists():
        with _half_built(folder) as part:
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", part], check=True)
            packages = next(part.glob("**/site-packages"))
            (packages / "same_torch.pth").write_text(ours + "\n")
            pip = [sys.executable, "-m", "pip", "--python", str(_python_of(part)), "install", "--quiet"]
            subprocess.run([*pip, "--no-deps", *PACKAGES], check=True)
    return python


def bertviz_scripts() -> Path:
    """The folder of the three scripts that BertViz's page loads, fetched by npm when they are not there."""
    folder = cache_folder() / "bertviz-scripts"
    if not folder.exists():
        with _half_built(folder) as part:
            for package, (member, name) in SCRIPTS.items():
                front_end.npm("pack", "--silent", package, folder=part)
                archive = next(part.glob("*.tgz"))
                with tarfile.open(archive) as tar:
                    (part / name).write_bytes(tar.extractfile(member).read())
                archive.unlink()
    return folder


class _half_built:  # noqa: N801 -- reads as a verb: with _half_built(folder) as part
    """A folder that appears under its name only when all of it is there."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __enter__(self) -> Path:
        self.part = Path(tempfile.mkdtemp(prefix=self.folder.name, dir=self.folder.parent))
        return self.part

    def __exit__(self, kind, error, traceback):
        if kind is None:
            self.part.rename(self.folder)
        else:
            shutil.rmtree(self.part, ignore_errors=True)


def _python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
