"""How any widget stands in a notebook, shown by one that has nothing else to do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gptwidgets.widgets import standing
from gptwidgets.widgets.standing import DISPLAYS, Standing
from tests.waiting import until


class Plain(Standing):
    """Says what happens to it."""

    _name = "heatmap"
    heard = None

    def __init__(self, name="tiny"):
        self._gpt = SimpleNamespace(name=name)
        self.heard = []
        super().__init__()

    def __repr__(self):
        return f"Plain({self._gpt.name}, {len(self._stills)} stills)"

    def _publish_still(self, still, *, update):
        said = standing.missing(self._name) if self._warned else f"{self._gpt.name} after {self.heard}"
        standing.publish({"text/plain": said}, {}, transient={"display_id": still}, update=update)

    def _finish(self):
        self.heard.append("finished")

    def _displayed(self):
        self.heard.append("displayed")

    def _wake(self):
        self.heard.append("woken")

    def _fall_asleep(self):
        self.heard.append("asleep")

    @property
    def asleep(self):
        return [what for what in self.heard if what in {"woken", "asleep"}][-1:] == ["asleep"]


def test_something_stands_under_the_live_widget_and_can_be_renewed(notebook):
    plain = Plain()
    notebook.show(plain)
    (none, live), (name, still) = notebook.outputs
    assert none is None
    assert live["application/vnd.jupyter.widget-view+json"]["model_id"] == plain.model_id
    assert live["text/plain"] == "Plain(tiny)"
    assert name
    assert still == {"text/plain": "tiny after ['woken']"}
    assert plain.heard == ["woken", "displayed"]
    plain._renew()
    assert notebook.outputs == [(None, live), (name, {"text/plain": "tiny after ['woken', 'displayed']"})]


def test_the_last_displays_are_kept_fresh(notebook):
    plain = Plain()
    for _ in range(DISPLAYS + 1):
        notebook.show(plain)
    stills = [name for name, _ in notebook.outputs if name]
    assert len(set(stills)) == DISPLAYS + 1
    plain._gpt.name = "another"
    plain._renew()
    fresh = [data["text/plain"].startswith("another") for name, data in notebook.outputs if name]
    assert fresh == [False] + [True] * DISPLAYS


@pytest.mark.parametrize("shell", [None, SimpleNamespace()], ids=["Python", "IPython in a terminal"])
def test_in_a_terminal_there_is_only_the_text(notebook, monkeypatch, shell):
    monkeypatch.setattr(standing, "shell_here", lambda: shell)
    Plain()._ipython_display_()
    assert notebook.outputs == [(None, {"text/plain": "Plain(tiny, 0 stills)"})]


def test_where_nobody_looks_it_waits_for_what_there_is_to_show(notebook):
    notebook.metadata = {}
    plain = Plain()
    plain._ipython_display_()
    assert notebook.still == {"text/plain": "tiny after ['woken', 'finished']"}
    assert not notebook.callbacks  # nobody will answer, and nobody is told


def test_where_nobody_looks_errors_do_not_hold_it_up(notebook, monkeypatch):
    def fail(_self):
        raise RuntimeError("the widget says it itself")

    monkeypatch.setattr(Plain, "_finish", fail)
    notebook.metadata = {}
    notebook.show(Plain())
    assert notebook.still == {"text/plain": "tiny after ['woken']"}


def test_a_sentence_appears_when_no_page_answers_and_goes_when_one_does(notebook, later):
    plain = Plain()
    notebook.show(plain)
    assert "anywidget" not in notebook.still["text/plain"]
    (nobody_answered,) = later
    nobody_answered()
    assert notebook.still["text/plain"].startswith("The live heatmap did not appear")
    assert "environment that runs JupyterLab" in notebook.still["text/plain"]
    plain._front_end_answers()
    assert notebook.still["text/plain"].startswith("tiny after")
    notebook.show(plain)
    assert len(later) == 1  # it has answered


def test_no_sentence_where_a_page_answered_in_time_or_the_widget_is_gone(notebook, later):
    answered, closed = Plain(), Plain()
    notebook.show(answered)
    notebook.show(closed)
    answered._front_end_answers()
    closed.close()
    for job in later:
        job()
    assert not any("anywidget" in data["text/plain"] for _, data in notebook.outputs)


def test_what_an_earlier_run_of_the_cell_showed_sleeps_once_no_page_shows_it(notebook):
    unseen, seen = Plain(), Plain()
    notebook.show(unseen)
    notebook.show(seen)
    seen._view_count = 1
    assert not unseen.asleep  # two of one run both stay
    notebook.run = 2
    new = Plain()
    assert (unseen.asleep, seen.asleep, new.asleep) == (True, False, False)
    seen._view_count = 0
    assert seen.asleep
    seen._view_count = 1
    assert not seen.asleep


def test_what_is_displayed_again_belongs_to_the_new_run(notebook):
    plain = Plain()
    notebook.show(plain)
    notebook.run = 2
    notebook.show(plain)
    plain._view_count = 1
    plain._view_count = 0
    assert "asleep" not in plain.heard


@pytest.mark.parametrize("metadata", [{"cellId": "cell-2"}, {}], ids=["another cell", "nobody tells"])
def test_nothing_else_puts_it_to_sleep(notebook, metadata):
    notebook.metadata = {"cellId": "cell-1"} if metadata else {}
    plain = Plain()
    notebook.show(plain)
    notebook.run, notebook.metadata = 2, metadata
    notebook.show(Plain())
    assert not plain.asleep


def test_a_job_that_fails_later_is_logged(caplog):
    standing.after(0, lambda: 1 // 0)
    until(lambda: "ZeroDivisionError" in caplog.text)
