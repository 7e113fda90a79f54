from __future__ import annotations

import json
import sqlite3
import subprocess
import sys

import pytest

from gptwidgets.store import paths
from gptwidgets.store.catalogue import Catalogue, default_name

# The best of several: the machine may be busy.
TIMED = """
import json, sys, time
from gptwidgets.store.catalogue import Catalogue
def seconds():
    start = time.perf_counter()
    Catalogue.open().close()
    return time.perf_counter() - start
print(json.dumps([min(seconds() for _ in range(5)) < 0.06, "alembic" in sys.modules]))
"""


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.delenv("GPTWIDGETS_STORE", raising=False)
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path))
    return tmp_path


def test_it_finds_by_name_in_any_case(home):
    with Catalogue.open() as catalogue:
        found = catalogue.find("GPT2")
        assert (found.name, found.licence, found.parameters) == ("gpt2", "MIT", 124439808)
        assert found.source["kind"] == "hub"
        assert catalogue.find("nonsense") is None
        assert catalogue.find("gpt2' OR 1=1 --") is None
        assert default_name() in catalogue.names()
    assert (home / "store.sqlite3").is_file()


@pytest.mark.parametrize(
    ("typed", "near"),
    [("smollm2-135m-instuct", "smollm2-135m-instruct"), ("GTP2", "gpt2"), ("pythia", "pythia-70m")],
)
def test_an_unknown_name_gets_the_nearest(typed, near):
    with Catalogue.open() as catalogue:
        said = str(catalogue.unknown(typed))
    assert f'There is no model named "{typed}": did you mean' in said
    assert f'"{near}"' in said


def test_a_name_near_to_nothing_gets_the_way_to_all():
    with Catalogue.open() as catalogue:
        assert f"see the {len(catalogue.names())} of gw.Store().search()" in str(catalogue.unknown("%%%"))


def test_the_second_opening_writes_nothing(home):
    Catalogue.open().close()
    before = (home / "store.sqlite3").read_bytes()
    Catalogue.open().close()
    assert (home / "store.sqlite3").read_bytes() == before


def test_the_second_opening_is_quick_and_needs_no_alembic(home):
    Catalogue.open().close()
    said = subprocess.run([sys.executable, "-c", TIMED], capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == [True, False]


def test_a_store_of_a_newer_gptwidgets_leaves_the_embedded_models(home):
    Catalogue.open().close()
    with sqlite3.connect(home / "store.sqlite3") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with Catalogue.open() as catalogue:
        assert catalogue.find("gpt2") is not None
        assert "pip install --upgrade" in str(catalogue.unknown("mine"))


def test_a_server_that_is_down_leaves_the_embedded_models(monkeypatch):
    monkeypatch.setenv("GPTWIDGETS_STORE", "postgresql://ada:secret@localhost:1/none")
    with Catalogue.open() as catalogue:
        assert catalogue.find("gpt2") is not None
        assert "is the database running" in str(catalogue.unknown("mine"))
        assert "secret" not in str(catalogue.unknown("mine"))


def test_where_nothing_can_be_written_it_works_in_memory(home, monkeypatch):
    (home / "file").write_text("")
    monkeypatch.setenv("GPTWIDGETS_HOME", str(home / "file"))
    with Catalogue.open() as catalogue:
        assert catalogue.find("gpt2") is not None
    assert paths.home().is_file()
