"""Starts PostgreSQL for the tests, in a temporary folder; run as a module it finds or installs it.

PostgreSQL refuses to run as root, so root runs it as the user `postgres`. Its socket has a short path, since
a path to a socket may have some hundred characters only.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from gptwidgets.store.database import Database

SAID = (
    "PostgreSQL was not found: install it (on Debian: apt install postgresql), and `make test` tries it, too."
)
PLACES = ("/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt", "/usr/local/opt")
SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def find() -> Path | None:
    """The folder of initdb and postgres; None where there is none that could be run."""
    if ROOT and subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode:
        return None
    found = [Path(path).resolve().parent for path in [shutil.which("initdb")] if path]
    for place in map(Path, PLACES):
        found += sorted((path.parent for path in place.glob("*/bin/initdb")), reverse=True)
    return next((folder for folder in found if (folder / "postgres").exists()), None)


def find_or_install() -> Path | None:
    """As `find`; where there is none, and apt and root are there, Debian's is installed."""
    if found := find():
        return found
    if shutil.which("apt-get") and ROOT:
        print("installing postgresql for the tests of the store", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "--yes", "--no-install-recommends", "postgresql"]):
            subprocess.run(
                ["apt-get", "-qq", *command], env=environment, stdout=subprocess.DEVNULL, check=False
            )
    return find()


@contextmanager
def server() -> Generator[URL]:
    """A server of our own, with an empty store as its template.

    Yields:
        The URL of the template.
    """
    binaries = find()
    assert binaries is not None, SAID
    folder = Path(tempfile.mkdtemp(prefix="gw", dir="/tmp"))
    data, user = folder / "d", "postgres"
    if ROOT:
        shutil.chown(folder, user)
    as_user = ["runuser", "-u", user, "--"] if ROOT else []
    new = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        user,
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "--no-sync",
    ]
    running = None
    try:
        done = subprocess.run([*as_user, *new], capture_output=True, text=True, check=False, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        options = [option for setting in SETTINGS for option in ("-c", setting)]
        with (folder / "log").open("wb") as log:
            running = subprocess.Popen(
                [*as_user, binaries / "postgres", "-D", data, "-k", folder, "-h", "", *options],
                stdout=log,
                stderr=log,
                cwd=folder,
            )
        _wait(data / "postmaster.pid", running, folder / "log")
        url = URL.create("postgresql+psycopg", user, database="template", query={"host": str(folder)})
        _admin(url, "CREATE DATABASE template")
        Database.open(url, user="nobody").close()
        _admin(url, "TRUNCATE person, journal RESTART IDENTITY", within="template")  # nobody was there
        yield url
    finally:
        if running is not None:
            with suppress(OSError, ValueError):  # at once: nothing of it is kept
                os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
            running.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(template: URL) -> Generator[URL]:
    """A new database, copied from the template in some ten milliseconds, and removed at the end."""
    name = f"t{uuid.uuid4().hex[:12]}"
    _admin(template, f"CREATE DATABASE {name} TEMPLATE template STRATEGY file_copy")
    try:
        yield template.set(database=name)
    finally:
        _admin(template, f"DROP DATABASE {name} WITH (FORCE)")


def _admin(url: URL, statement: str, *, within: str = "postgres") -> None:
    engine = create_engine(url.set(database=within), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _wait(status: Path, running: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server says in its status file that it is ready."""
    for _ in range(600):
        assert running.poll() is None, log.read_text()
        try:
            if "ready" in status.read_text():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(log.read_text())


if __name__ == "__main__":
    place = find_or_install()
    if place is None and os.environ.get("CI"):
        sys.exit(SAID)
    print("PostgreSQL:", place or SAID)
