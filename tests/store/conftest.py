"""The store's database for tests: the same test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from gptwidgets.store.database import Database
from tests.store import postgres


@pytest.fixture(scope="session")
def postgres_template():
    """The URL of a running server's template; the test is skipped where there is no PostgreSQL."""
    if postgres.find() is None:
        if os.environ.get("CI"):
            pytest.fail(postgres.SAID)
        pytest.skip(postgres.SAID)
    with postgres.server() as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    """A file with an empty store, which is quicker copied than made."""
    file = tmp_path_factory.mktemp("template") / "store.sqlite3"
    Database.open(f"sqlite:///{file}", user="nobody").close()
    with closing(sqlite3.connect(file)) as emptied:  # nobody was there
        emptied.execute("DELETE FROM journal")
        emptied.commit()
    return file


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request, tmp_path, monkeypatch):
    """A new, empty store of either kind; GPTWIDGETS_HOME is a folder of this test's own."""
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GPTWIDGETS_STORE", raising=False)
    if request.param == "sqlite":
        (tmp_path / "home").mkdir()
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "home" / "store.sqlite3")
        yield f"sqlite:///{tmp_path / 'home' / 'store.sqlite3'}"
        return
    with postgres.database(request.getfixturevalue("postgres_template")) as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture
def database(database_url):
    """An open store of either kind, whose user is Ada."""
    with Database.open(database_url, user="ada") as database:
        yield database
