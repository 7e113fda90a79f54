"""What a full disk, a stop, a folder that changes and a clock that jumps do to a publish."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from gptwidgets.errors import Cancelled, ClosedError, StoreError
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.store import clock, filing, folders, listings, published, staging, unfinished
from gptwidgets.store.database import Database
from gptwidgets.store.folders import Watch
from gptwidgets.verbs import bringing, publishing
from tests.store.hub.standin import safetensors
from tests.store.hub.test_killed import small_disk  # noqa: F401 - fixture
from tests.verbs.test_publishing import CARD, files, publish, works  # noqa: F401 - fixtures
from tests.verbs.test_publishing_killed import begun, is_whole

ARGUMENTS = {"name": "mine", "card": CARD, "licence": "MIT"}


def fail(error):
    raise error


def lying(database):
    """What there is of published models, but for locks."""
    root = published.root(database)
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if not p.name.endswith(".lock")}


def nothing_of_it(database):
    return lying(database) == set() and begun(database) == [] and listings.find(database, "mine") is None


# -- the disk ------------------------------------------------------------------------------------------


@pytest.fixture
def on_small_disk(small_disk):  # noqa: F811
    """A store whose whole disk has 400 kB, much of which its tables take."""
    subprocess.run(["mount", "-o", "remount,size=1500k", small_disk], check=True)
    with Database.open(f"sqlite:///{small_disk}/store.sqlite3", user="ada") as database:
        yield database, small_disk


def fill(disk: Path, leave: int) -> Path:
    filler = disk / "filler"
    filler.write_bytes(bytes(max(0, shutil.disk_usage(disk).free - leave)))
    return filler


def test_a_disk_without_room_is_said_before_anything_is_copied(on_small_disk, files):  # noqa: F811
    database, disk = on_small_disk
    fill(disk, 100_000)
    (files / "model.safetensors").write_bytes(safetensors(100_000))
    with pytest.raises(StoreError, match=r"GB free, and this needs about .* make room, and publish it again"):
        publish(database, files)
    assert nothing_of_it(database)


@pytest.mark.parametrize("leave", [0, 4096, 30_000])
def test_a_disk_that_fills_on_the_way_leaves_nothing_and_loses_nothing(
    on_small_disk,
    files,  # noqa: F811
    leave,
):
    database, disk = on_small_disk
    publish(database, files, "before")
    filler = []

    def tell(stage, *_):
        if stage == "copying" and not filler:
            filler.append(fill(disk, leave))

    with pytest.raises(StoreError, match="make room") as caught:
        publish(database, files, watch=Watch(tell=tell))
    assert "\n" not in str(caught.value)
    assert not any("mine" in name for name in lying(database))
    filler[0].unlink()
    assert is_whole(database, "before")
    publish(database, files)
    assert is_whole(database, "mine")
    assert begun(database) == []
    assert {name.split("/")[0] for name in lying(database)} == {"before", "mine"}


@pytest.mark.parametrize("code", [errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)])
@pytest.mark.parametrize("step", ["mkdtemp", "seal"])
def test_wherever_it_fills_it_is_one_sentence(database, files, monkeypatch, step, code):  # noqa: F811
    def full(*_, **__):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(staging.tempfile if step == "mkdtemp" else folders, step, full)
        with pytest.raises(StoreError, match="make room, and publish it again"):
            publish(database, files)
    assert nothing_of_it(database)
    publish(database, files)
    assert is_whole(database, "mine")


def test_a_database_that_fails_at_the_last_step_leaves_nothing(database, files, monkeypatch):  # noqa: F811
    with monkeypatch.context() as patch:
        patch.setattr(filing, "refresh", lambda *_: fail(StoreError("The disk is full.")))
        with pytest.raises(StoreError, match="is full"):
            publish(database, files)
    assert nothing_of_it(database)
    publish(database, files)
    assert is_whole(database, "mine")


def test_where_nothing_can_be_written_it_says_so(database, files, monkeypatch):  # noqa: F811
    root = published.root(database)
    plain = os.access
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: Path(path) != root and plain(path, mode))
        with pytest.raises(StoreError, match=r"Nothing can be written to .*read-only\); (see to|set GPTW)"):
            publish(database, files)
    with monkeypatch.context() as patch:
        inside = root / "mine"
        patch.setattr(os, "access", lambda path, mode: Path(path) != inside and plain(path, mode))
        with pytest.raises(StoreError, match=r"Nothing can be written to .*mine.* \(it is read-only\)"):
            publish(database, files)
    assert nothing_of_it(database)
    publish(database, files)


def test_a_disk_that_is_only_read(small_disk, tmp_path, files):  # noqa: F811
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "published").symlink_to(small_disk)
    with Database.open(f"sqlite:///{tmp_path}/store/store.sqlite3", user="ada") as database:
        publish(database, files)
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
        with pytest.raises(StoreError, match=r"Nothing can be written to .*; see to its permissions"):
            publish(database, files)
        assert is_whole(database, "mine")
        subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
        assert publish(database, files).revision == "v2"


# -- stopped ------------------------------------------------------------------------------------------


@pytest.fixture
def gpt(files):  # noqa: F811 - it says where the files of a shared store lie
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from gptwidgets.kernel.gpt import GPT
    from tests.verbs.test_checking import tokenizer

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    torch.manual_seed(0)
    made = LlamaForCausalLM(LlamaConfig(vocab_size=256, **sizes)).eval()
    with GPT(made, tokenizer(), name="made here") as gpt:
        yield gpt


@pytest.mark.parametrize("when", ["saving", "checking model.safetensors"])
@pytest.mark.parametrize("how", [KeyboardInterrupt, Cancelled])
def test_a_model_of_the_kernel_whose_publishing_is_stopped_goes_on(database, gpt, when, how):
    told, stop = [], threading.Event()

    def tell(stage, *_):
        told.append(stage)
        if stage == when and how is Cancelled:
            stop.set()
        elif stage == when:
            signal.raise_signal(signal.SIGINT)

    def stopped():
        if stop.is_set():
            raise Cancelled("It was stopped.")

    with pytest.raises(how):
        publishing.publish(database, gpt, **ARGUMENTS, watch=Watch(tell=tell, stop=stopped))
    assert told[-1] == when
    assert nothing_of_it(database)
    assert gpt.generate("a", Sampling(max_new_tokens=2)).ids
    draft = publishing.publish(database, gpt, **ARGUMENTS)
    folders.check(published.verified(draft), thorough=True)
    assert "_name_or_path" not in (draft.config or {})


def test_a_disk_that_fills_while_a_model_is_saved(on_small_disk, gpt):
    database, disk = on_small_disk
    filler = []

    def tell(stage, *_):
        if stage == "saving" and not filler:
            filler.append(fill(disk, 20_000))

    with pytest.raises(StoreError, match="make room, and publish it again"):
        publishing.publish(database, gpt, **ARGUMENTS, watch=Watch(tell=tell))
    assert not any("mine" in name for name in lying(database))
    filler[0].unlink()
    publishing.publish(database, gpt, **ARGUMENTS)


def test_a_model_that_cannot_be_saved_says_why(database, gpt, monkeypatch):
    for why, said in [
        ("Some tensors share memory\nand more", "made here cannot be saved: Some tensors share memory$"),
        ("I/O error: No space left on device (os error 28)", "make room, and publish it again"),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(type(gpt.model), "save_pretrained", lambda *_, why=why: fail(RuntimeError(why)))
            with pytest.raises(StoreError, match=said):
                publishing.publish(database, gpt, **ARGUMENTS)
    gpt.close()
    with pytest.raises(ClosedError):
        publishing.publish(database, gpt, **ARGUMENTS)
    assert nothing_of_it(database)


# -- what is published --------------------------------------------------------------------------------


def appears(folder):
    (folder / "more.json").write_text("{}")


def grows(folder):
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"more")


def is_written_anew(folder):
    before = (folder / "config.json").stat()
    os.utime(folder / "config.json", ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))


def vanishes(folder):
    (folder / "tokenizer.json").unlink()


@pytest.mark.parametrize("change", [appears, grows, is_written_anew, vanishes])
def test_a_folder_that_changes_while_it_is_copied_is_not_published(database, files, change):  # noqa: F811
    done = []

    def tell(stage, *_):
        if stage == "copying" and not done:
            done.append(change(files))

    with pytest.raises(StoreError, match="changed while it was copied"):
        publish(database, files, watch=Watch(tell=tell))
    assert nothing_of_it(database)
    publish(database, files)


def test_a_file_that_cannot_be_read_is_named(database, files, monkeypatch):  # noqa: F811
    plain = Path.open

    def locked(path, mode="r", *args, **more):
        if path == files / "tokenizer.json" and mode == "rb":
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path, mode, *args, **more)

    monkeypatch.setattr(bringing.Path, "open", locked)
    with pytest.raises(StoreError, match=r'tokenizer\.json" cannot be read \(Permission denied\)'):
        publish(database, files)
    assert nothing_of_it(database)


@pytest.mark.skipif(os.name != "posix", reason="needs a umask")
def test_what_one_of_a_class_publishes_the_others_can_read_whatever_his_umask(database, files):  # noqa: F811
    before = os.umask(0o077)
    try:
        draft = publish(database, files)
    finally:
        os.umask(before)
    place = published.place(draft)
    assert place.stat().st_mode & 0o777 == 0o755
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o644}
    assert not database.shared or place.parent.stat().st_mode & 0o777 == 0o755


def test_another_store_with_its_files_in_the_same_place_keeps_them(tmp_path, files):  # noqa: F811
    drafts = []
    for name in ("one", "two"):
        with Database.open(f"sqlite:///{tmp_path}/{name}.sqlite3", user="ada") as database:
            drafts.append(publish(database, files))
            (files / "config.json").write_text('{"model_type": "other"}')
    assert [draft.revision for draft in drafts] == ["v1", "v1"]
    for draft in drafts:
        folders.check(published.verified(draft), thorough=True)


def test_a_clock_that_jumps_turns_nothing_around(database, files, works, monkeypatch):  # noqa: F811
    true = clock.read()
    for n, days in enumerate((0, 400, -0.5, -300)):
        monkeypatch.setattr(clock, "read", lambda days=days: true + timedelta(days=days))
        monkeypatch.setattr(folders.time, "time", lambda days=days: true.timestamp() + 86_400 * days)
        publish(database, files)
        publishing.submit(database, "mine")
        publishing.approve(database, "mine")
        assert listings.get(database, "mine").revision == f"v{n + 1}"
    listing = listings.get(database, "mine")
    assert [found.revision for found in listings.versions(database, listing.id)] == ["v4", "v3", "v2", "v1"]


def test_a_draft_whose_files_are_gone_is_told_by_the_checks(database, files, works):  # noqa: F811
    shutil.rmtree(published.place(publish(database, files, licence="Mine")))
    results = {check.name: check for check in publishing.submit(database, "mine")}
    assert "publish it anew" in results["hashes"].reason
    assert works == []


def test_a_home_that_is_moved_keeps_what_was_published(tmp_path, files, works):  # noqa: F811
    (tmp_path / "old").mkdir()
    with Database.open(f"sqlite:///{tmp_path}/old/store.sqlite3", user="ada") as database:
        publish(database, files)
        publishing.submit(database, "mine")
    (tmp_path / "old").rename(tmp_path / "new")
    with Database.open(f"sqlite:///{tmp_path}/new/store.sqlite3", user="ada") as database:
        publishing.approve(database, "mine")
        assert listings.get(database, "mine").source["path"] == str(tmp_path / "new/published/mine/v1")


def test_what_was_begun_and_has_become_a_version_after_all_is_not_cleared_away(
    database,
    files,  # noqa: F811
    monkeypatch,
):
    draft = publish(database, files)
    with monkeypatch.context() as patch:
        patch.setattr(unfinished, "_clear", lambda _: fail(PermissionError(13, "Permission denied")))
        with pytest.raises(KeyboardInterrupt), unfinished.begun(database, "mine", published.place(draft)):
            raise KeyboardInterrupt
    assert len(begun(database)) == 1
    publish(database, files, "another")
    assert begun(database) == []
    folders.check(published.verified(draft), thorough=True)
