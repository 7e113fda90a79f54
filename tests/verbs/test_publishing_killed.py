"""What a kill at any moment, and two at once, do to a publish."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading

import pytest
from sqlalchemy import select

from gptwidgets.errors import StoreError
from gptwidgets.store import checks, folders, listings, published, schema
from gptwidgets.store.database import Database
from gptwidgets.verbs import checking, publishing
from tests.verbs.test_publishing import files, publish, works  # noqa: F401 - fixtures

# Publishes in a forked process, which has its modules already; the nth is killed at the nth thing that it
# does to the disk, be it by itself or through the database.
KILLED = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from gptwidgets.store.database import Database
from gptwidgets.verbs import publishing
from tests.verbs.test_publishing import CARD

def at_the(n):
    def count(*_):
        nonlocal n
        n -= 1
        if n == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    def hook(name, _):
        if name.startswith(("os.", "open", "shutil.", "tempfile.")):
            count()
    return count, hook

homes, model = map(Path, sys.argv[1:3])
for n in [int(n) for n in sys.argv[3].split(",")]:
    if not (child := os.fork()):
        database = Database.open(f"sqlite:///{homes}/{n}/store.sqlite3", user="ada")
        count, hook = at_the(n)
        for what in ("before_cursor_execute", "after_cursor_execute", "commit"):
            event.listen(database.engine, what, count)
        sys.addaudithook(hook)
        publishing.publish(database, model, name="mine", card=CARD, licence="MIT")
        os._exit(0)
    print(n, os.WIFSIGNALED(os.waitpid(child, 0)[1]), flush=True)
"""


ONE_OF_SEVERAL = """
import sys
from gptwidgets.store.database import Database
from gptwidgets.verbs import publishing
from tests.verbs.test_publishing import CARD
with Database.open(sys.argv[1], user="ada") as database:
    print("ready", flush=True)
    sys.stdin.read(1)
    for _ in range(3):
        version = publishing.publish(database, sys.argv[2], name="mine", card=CARD, licence="MIT")
        print(version.revision)
"""


def lying(home):
    """The folders of versions that are there, and whatever else there is, but for locks."""
    found = {path.relative_to(home).as_posix() for path in (home / "published").rglob("*")}
    return {name for name in found if not name.endswith(".lock") and "/v1/" not in name}


def is_whole(database, name):
    """True where there is a draft of this name, with each file as it should be; False where nothing is."""
    found = listings.find(database, name)
    if found is None:
        return False
    (version,) = listings.versions(database, found.id)
    folders.check(published.verified(version), thorough=True)
    assert (version.status, version.revision, len(version.files)) == ("draft", "v1", 3)
    return True


def begun(database):
    with database.reading() as connection:
        keys = connection.scalars(select(schema.setting.c.key)).all()
    return [key for key in keys if key.startswith("publishing")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_point_a_draft_is_whole_or_not_there_and_nothing_stays(
    files,  # noqa: F811
    tmp_path,
    sqlite_template,
    monkeypatch,
):
    """More than thirty points of the whole way, spread over all that it does to the disk and the database."""
    points = [*range(1, 133, 4), 1000]
    for n in points:
        (tmp_path / str(n)).mkdir()
        shutil.copy(sqlite_template, tmp_path / str(n) / "store.sqlite3")
    out = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(files), ",".join(map(str, points))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    killed = {int(n): how == "True" for n, how in map(str.split, out.stdout.splitlines())}
    assert sum(killed.values()) >= 20
    assert not killed[1000]
    there, swept = [], 0
    for n in points:
        home = tmp_path / str(n)
        monkeypatch.setenv("GPTWIDGETS_HOME", str(home))
        with Database.open(f"sqlite:///{home}/store.sqlite3", user="ada") as database:
            there.append(is_whole(database, "mine"))
            swept += bool(begun(database))
            if n % 8 == 1:  # the next is of another name
                publish(database, files, "another")
                mine = {"published/mine", "published/mine/v1"} if there[-1] else set()
                assert lying(home) == {"published/another", "published/another/v1", *mine}
            elif not there[-1]:
                publish(database, files)
                assert lying(home) == {"published/mine", "published/mine/v1"}
            assert begun(database) == []
            assert is_whole(database, "mine" if n % 8 != 1 else "another")
    assert there == sorted(there)  # not there before some point, and whole from then on
    assert there[0] is False
    assert swept >= 15


def test_several_processes_that_publish_one_name_at_once_each_get_a_revision_of_their_own(
    database,
    database_url,
    files,  # noqa: F811
):
    command = [sys.executable, "-c", ONE_OF_SEVERAL, database_url, str(files)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    many = [subprocess.Popen(command, env=environment, **pipes) for _ in range(2)]
    for process in many:
        assert process.stdout.readline() == "ready\n"
    for process in many:
        process.stdin.write("!")
        process.stdin.flush()
    said = " ".join(process.communicate(timeout=60)[0] for process in many)
    assert sorted(said.split()) == [f"v{n}" for n in range(1, 7)]
    versions = listings.versions(database, listings.get(database, "mine").id)
    assert len({published.place(version) for version in versions}) == 6
    for version in versions:
        folders.check(published.verified(version), thorough=True)


def at_once(database_url, users, act):
    """What two threads, each with a store of its own, get: a result, or the sentence of an error."""
    ready, results = threading.Barrier(2), []

    def one(user):
        with Database.open(database_url, user=user) as database:
            ready.wait(20)
            try:
                results.append(act(database))
            except StoreError as error:
                results.append(str(error))

    threads = [threading.Thread(target=one, args=[user]) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return sorted(results, key=lambda result: isinstance(result, str))


def test_two_people_who_want_one_name_at_once(database, database_url, files):  # noqa: F811
    if not database.shared:
        pytest.skip("one's own store")
    first, second = at_once(database_url, ["bob", "eve"], lambda database: publish(database, files))
    assert (first.revision, first.made_by in {"bob", "eve"}) == ("v1", True)
    assert second == f'The name "mine" is taken, by {first.made_by}; choose another.'
    assert begun(database) == []


def test_a_draft_that_is_submitted_twice_at_once_waits_once(database, database_url, files, monkeypatch):  # noqa: F811
    publish(database, files)
    both = threading.Barrier(2)

    def child(*_, **__):
        both.wait(20)
        return {"results": [["loads", True, "It does."]]}

    monkeypatch.setattr(checking, "run_child", child)
    first, second = at_once(database_url, ["ada", "ada"], lambda store: publishing.submit(store, "mine"))
    assert all(check.passed for check in first)
    assert second == '"mine" v1 is submitted by now; look at it again.'
    assert [row["revision"] for row in publishing.queue(database)] == ["v1"]
    assert len(checks.of(database, listings.get(database, "mine").id)) == len(first)


def test_two_who_decide_at_once_decide_once(database, database_url, files, works, monkeypatch):  # noqa: F811
    publish(database, files)
    publishing.submit(database, "mine")
    both, plain = threading.Barrier(2), published.verified
    monkeypatch.setattr(
        publishing.published, "verified", lambda *args: (plain(*args), both.wait(20)) and plain(*args)
    )
    first, second = at_once(
        database_url, ["ada", "ada"], lambda store: publishing.approve(store, "mine", "Fine.")
    )
    assert (first, second) == (None, '"mine" v1 is published by now; look at it again.')
    listing = listings.get(database, "mine")
    assert listing.status == "published"
    assert listings.versions(database, listing.id)[0].words.count("Fine.") == 1


def test_a_reviewer_decides_on_what_he_has_looked_at(database, files, works):  # noqa: F811
    for _ in range(2):
        publish(database, files)
        publishing.submit(database, "mine")
    for decide in (publishing.approve, publishing.reject):
        with pytest.raises(StoreError, match='It is "mine" v2 that waits by now, not v1; look at it first'):
            decide(database, "mine", "Fine.", revision="v1")
    publishing.approve(database, "mine", revision="v2")
    assert listings.get(database, "mine").revision == "v2"
