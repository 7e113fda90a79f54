from __future__ import annotations

import threading

from gptwidgets.store.machine import machine


def test_a_machine_keeps_its_name_and_another_folder_has_another(monkeypatch, tmp_path):
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path / "a"))
    first = machine()
    assert machine() == first
    assert int(first, 16)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["machine"]
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path / "b"))
    assert machine() != first


def test_many_who_ask_at_once_are_told_the_same(monkeypatch, tmp_path):
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path))
    start, said = threading.Barrier(8), []

    def ask():
        start.wait()
        said.append(machine())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(said)) == 1


def test_where_nothing_can_be_kept_the_name_is_the_same_all_the_same(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path / "file"))
    assert machine() == machine()


def test_a_file_that_holds_something_else_is_left_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path))
    (tmp_path / "machine").write_text("no name")
    assert machine() == machine()
    assert (tmp_path / "machine").read_text() == "no name"
