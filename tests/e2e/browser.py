"""Finds a Chromium for the tests, or installs Debian's: `python -m tests.e2e.browser` says which."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find() -> str | None:
    """Return the path of a browser: the variable CHROME, else what the machine has, else None."""
    named = os.environ.get("CHROME")
    candidates = [shutil.which(named)] if named else [*map(shutil.which, NAMES), *PLACES]
    return next((path for path in candidates if path and Path(path).exists()), None)


def find_or_install() -> str:
    """Return the path of a browser; where there is none and apt and root are there, install chromium."""
    if path := find():
        return path
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        print("installing chromium for the browser tests", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
            subprocess.run(
                ["apt-get", "-qq", *command], env=environment, stdout=subprocess.DEVNULL, check=False
            )
        if path := find():
            return path
    sys.exit(
        "The browser tests need Chromium or Chrome, and none was found: "
        "install one (on Debian: apt install chromium), or set CHROME to its path."
    )


if __name__ == "__main__":
    print("browser:", find_or_install())
