from __future__ import annotations

import json
import shutil

import pytest

from gptwidgets.errors import InstallError, RefusedError, StoreError
from gptwidgets.store import filing, folders, listings, reviews
from gptwidgets.store import published as published_files
from gptwidgets.store.database import Database
from gptwidgets.store.search import Search
from gptwidgets.store.wish import Wish
from gptwidgets.verbs import checking, publishing
from tests.store.hub.standin import CONFIG, safetensors

CARD = "# Mine\n\nIt says little.\n\n## Use\nTo play.\n\n## Data\nNone.\n\n## Limits\nAll.\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder of a model, and where a shared store keeps its own."""
    monkeypatch.setenv("GPTWIDGETS_STORE_FILES", str(tmp_path / "shared"))
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(safetensors(10_000))
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.fixture
def works(monkeypatch):
    """What a model does is tested with a real one in test_checking.py."""
    seen = []
    monkeypatch.setattr(
        checking,
        "run_child",
        lambda *args, **_: seen.append(args) or {"results": [["loads", True, "It does."]]},
    )
    return seen


def publish(database, files, name="mine", **more):
    return publishing.publish(database, files, **{"name": name, "card": CARD, "licence": "MIT", **more})


def published(database, files, name="mine", **more):
    version = publish(database, files, name, **more)
    publishing.submit(database, name)
    filing.set_status(database, version.id, "published")
    return version


def files_of(version):
    return published_files.place(version)


def found(database):
    return [row["name"] for row in Search(database).find(Wish(words="mine")).rows]


def test_a_draft_has_its_facts_and_the_hash_of_each_file_and_nobody_finds_it(database, files):
    draft = publish(database, files, summary="Small.")
    assert (draft.status, draft.revision, draft.architecture) == ("draft", "v1", "gpt2")
    assert {file.path for file in draft.files} == {"config.json", "model.safetensors", "tokenizer.json"}
    assert all(len(file.sha256) == 64 for file in draft.files)
    folders.check(files_of(draft), thorough=True)
    assert found(database) == []


def test_from_draft_to_everybody(database, files, works):
    publish(database, files)
    checks = publishing.submit(database, "mine")
    assert [check.name for check in checks if not check.passed] == []
    assert [row["name"] for row in publishing.queue(database)] == ["mine"]
    publishing.approve(database, "mine", "Good.")
    assert publishing.queue(database) == []
    assert found(database) == ["mine"]
    listing = listings.get(database, "mine")
    assert (listing.card, listing.summary) == (CARD, "It says little.")
    alone = "Approved by its own publisher, who is the only reviewer here. "
    assert listings.versions(database, listing.id)[0].words == (alone if database.shared else "") + "Good."


def test_a_check_that_fails_blocks_and_says_what_to_do(database, files, works):
    publish(database, files, card="# Mine\n\n## Use\nTo play.\n", licence="Mine")
    checks = {check.name: check for check in publishing.submit(database, "mine")}
    assert "data and limits" in checks["card says use, data and limits"].reason
    assert "SPDX" in checks["licence is known"].reason
    assert listings.get(database, "mine").status == "draft"
    with pytest.raises(StoreError, match="submit one first"):
        publishing.approve(database, "mine")


def test_what_is_not_safe_is_not_even_opened(database, files, works):
    (files / "model.safetensors").write_bytes(b"\x80\x04\x95pickle")
    publish(database, files)
    checks = {check.name: check for check in publishing.submit(database, "mine")}
    assert "no safetensors" in checks["files are safe"].reason
    assert "Not tried" in checks["loads offline on the CPU"].reason
    assert works == []


def test_a_new_version_goes_the_same_way_and_changes_nothing_before(database, files, works):
    first = publish(database, files)
    publishing.submit(database, "mine")
    publishing.approve(database, "mine")
    second = publish(database, files, card=CARD.replace("little", "more"))
    assert (first.revision, second.revision) == ("v1", "v2")
    assert listings.get(database, "mine").version_id == first.id
    publishing.submit(database, "mine")
    publishing.approve(database, "mine")
    listing = listings.get(database, "mine")
    assert listing.version_id == second.id
    assert "It says more." in listing.card


def test_a_published_version_never_changes(database, files, works):
    published(database, files, revision="v1")
    with pytest.raises(StoreError, match="never changes"):
        publish(database, files, revision="v1")


def test_files_that_were_changed_after_the_checks_are_not_published(database, files, works):
    draft = publish(database, files)
    publishing.submit(database, "mine")
    path = files_of(draft) / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match="changed since"):
        publishing.approve(database, "mine")
    assert listings.get(database, "mine").status == "submitted"


def test_who_rejects_says_why_and_a_better_draft_may_come(database, files, works):
    publish(database, files)
    publishing.submit(database, "mine")
    with pytest.raises(StoreError, match="why"):
        publishing.reject(database, "mine", " ")
    publishing.reject(database, "mine", "Says nothing of its data's licence.")
    listing = listings.get(database, "mine")
    assert listing.status == "rejected"
    assert listings.versions(database, listing.id)[0].words.startswith("Says nothing")
    publish(database, files)
    publishing.submit(database, "mine")
    publishing.approve(database, "mine")
    assert found(database) == ["mine"]


def test_withdrawn_it_is_found_no_more_and_its_files_stay(database, files, works):
    version = published(database, files)
    reviews.write(database, version.id, 5, "Dear to me.")
    publishing.withdraw(database, "mine")
    assert found(database) == []
    folders.check(files_of(version), thorough=True)
    with pytest.raises(RefusedError, match="embedded catalogue"):
        publishing.withdraw(database, "gpt2")


def test_on_a_shared_store_a_reviewer_decides_and_never_on_his_own(database_url, files, works):
    with Database.open(database_url, user="ada") as hers, Database.open(database_url, user="bob") as his:
        if not hers.shared:
            pytest.skip("one's own store")
        publish(his, files)
        publishing.submit(his, "mine")
        with pytest.raises(RefusedError, match="ada"):
            publishing.approve(his, "mine")
        with pytest.raises(StoreError, match="taken, by bob"):
            publish(hers, files)
        publishing.approve(hers, "mine")
        publish(hers, files, "hers")
        publishing.submit(hers, "hers")
        publishing.approve(hers, "hers")  # there is nobody else
        with pytest.raises(RefusedError, match="only ada"):
            publishing.withdraw(his, "hers")


def test_a_shared_store_without_a_shared_folder_says_so(database, files, monkeypatch):
    if not database.shared:
        pytest.skip("one's own store")
    draft = publish(database, files)
    monkeypatch.delenv("GPTWIDGETS_STORE_FILES")
    with pytest.raises(StoreError, match="GPTWIDGETS_STORE_FILES"):
        publish(database, files, "another")
    with pytest.raises(InstallError, match="GPTWIDGETS_STORE_FILES"):
        files_of(draft)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"name": "../evil"}, "small letters"),
        ({"name": "A b"}, "small letters"),
        ({"name": ""}, "small letters"),
        ({"name": "gpt2"}, "taken"),
        ({"card": "x" * 10_000_000}, "characters"),
        ({"card": None}, "Markdown"),
        ({"licence": " "}, "SPDX"),
        ({"use_cases": ("war",)}, "no use case war"),
        ({"revision": "../v1"}, "small letters"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_copied(database, files, more, said):
    with pytest.raises(StoreError, match=said):
        publish(database, files, **more)
    assert listings.find(database, "mine") is None


@pytest.mark.parametrize("what", [3, None, object()])
def test_only_models_and_folders_are_published(database, files, what):
    with pytest.raises(StoreError, match="GPT"):
        publish(database, what)


def test_a_folder_without_a_model_is_refused_and_leaves_nothing(database, files, tmp_path):
    (files / "config.json").unlink()
    with pytest.raises(StoreError, match=r"config\.json"):
        publish(database, files)
    assert not list(tmp_path.rglob("*.part-*"))


def test_what_a_killed_publish_left_is_no_hindrance(database, files, monkeypatch):
    with monkeypatch.context() as context:
        context.setattr(filing, "add", lambda *_args, **_more: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            publish(database, files)
    shutil.rmtree(files / "nothing", ignore_errors=True)
    assert listings.find(database, "mine") is None
    draft = publish(database, files)
    folders.check(files_of(draft), thorough=True)
