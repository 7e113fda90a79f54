from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from importlib.resources import files

import pytest

from gptwidgets.store import paths
from gptwidgets.store.catalogue import Catalogue, default_name


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path))
    return tmp_path


def test_the_packaged_facts_are_whole():
    facts = json.loads((files("gptwidgets.store") / "facts.json").read_text("utf-8"))
    names = [fact["name"] for fact in facts["listings"]]
    assert facts["default"] in names
    assert len(set(names)) == len(names)
    for fact in facts["listings"]:
        source = fact["source"]
        pins = (
            [source["revision"]] if source["kind"] == "hub" else [source["sha256"], source["member_sha256"]]
        )
        assert all(len(pin) in (40, 64) and int(pin, 16) for pin in pins)


def test_it_finds_by_name_in_any_case(home):
    with Catalogue.open() as catalogue:
        found = catalogue.find("GPT2")
        assert (found.name, found.licence, found.parameters) == ("gpt2", "MIT", 124439808)
        assert found.source["kind"] == "hub"
        assert catalogue.find("nonsense") is None
        assert catalogue.find("gpt2' OR 1=1 --") is None
        assert default_name() in catalogue.names()
    assert (home / "catalogue.sqlite3").is_file()


@pytest.mark.parametrize(
    ("typed", "near"),
    [("smollm2-135m-instuct", "smollm2-135m-instruct"), ("GTP2", "gpt2"), ("pythia", "pythia-70m")],
)
def test_an_unknown_name_gets_the_nearest(typed, near):
    with Catalogue.open() as catalogue:
        said = str(catalogue.unknown(typed))
    assert f'There is no model named "{typed}": did you mean' in said
    assert f'"{near}"' in said


def test_a_name_near_to_nothing_gets_them_all():
    with Catalogue.open() as catalogue:
        assert all(name in str(catalogue.unknown("%%%")) for name in catalogue.names())


def test_the_second_opening_writes_nothing(home):
    Catalogue.open().close()
    before = (home / "catalogue.sqlite3").read_bytes()
    Catalogue.open().close()
    assert (home / "catalogue.sqlite3").read_bytes() == before


@pytest.mark.parametrize("left", [b"", b"no database at all" * 100, b"SQLite format 3\0 but broken" * 50])
def test_a_broken_file_is_replaced(home, left):
    (home / "catalogue.sqlite3").write_bytes(left)
    with Catalogue.open() as catalogue:
        assert catalogue.find("gpt2") is not None
    with sqlite3.connect(home / "catalogue.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM listing").fetchone()[0] > 3


def test_other_facts_replace_the_old_ones(home):
    Catalogue.open().close()
    with sqlite3.connect(home / "catalogue.sqlite3") as database:
        database.execute("UPDATE facts SET digest = 'older'")
        database.execute("DELETE FROM listing WHERE name = 'gpt2'")
    with Catalogue.open() as catalogue:
        assert catalogue.find("gpt2") is not None


def test_where_nothing_can_be_written_it_works_in_memory(home, monkeypatch):
    (home / "file").write_text("")
    monkeypatch.setenv("GPTWIDGETS_HOME", str(home / "file"))
    with Catalogue.open() as catalogue:
        assert catalogue.find("gpt2") is not None
    assert paths.home().is_file()


def test_several_processes_may_be_the_first():
    code = "from gptwidgets.store.catalogue import Catalogue; print(len(Catalogue.open().names()))"
    many = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(4)]
    said = {process.communicate(timeout=60)[0].strip() for process in many}
    assert len(said) == 1
    assert int(said.pop()) > 3
