"""ipykernel 6, in a folder beside this environment's own ipykernel: `python -m tests.kernels` installs it.

Its two packages stand before the environment's on the path of a kernel that wants them; all else is shared.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

FOLDER = Path(sys.prefix) / "ipykernel6"
PACKAGES = ("ipykernel==6.31.0", "nest-asyncio==1.6.0")


def ipykernel6() -> Path:
    """Return the folder of ipykernel 6, which is installed where it is missing."""
    done = FOLDER / ".installed"
    with FileLock(f"{FOLDER}.lock"):
        if not done.exists():
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
            subprocess.run([*pip, "--upgrade", "--no-deps", "--target", FOLDER, *PACKAGES], check=True)
            done.touch()
    return FOLDER


def environment(version: int) -> dict[str, str]:
    """Return the variables under which a kernel runs in this version of ipykernel.

    Args:
        version: 6, or 7 for the one of this environment.
    """
    if version == 7:
        return dict(os.environ)
    path = [str(ipykernel6()), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}


def specification(version: int) -> dict[str, object]:
    """Return what a kernel.json says of it."""
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    path = {"PYTHONPATH": environment(version).get("PYTHONPATH", "")}
    return {
        "argv": argv,
        "display_name": f"ipykernel {version}",
        "language": "python",
        "env": path if version == 6 else {},
    }


if __name__ == "__main__":
    print("ipykernel 6:", ipykernel6())
