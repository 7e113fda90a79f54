from __future__ import annotations

import dataclasses
import threading

import pytest

from gptwidgets.errors import StoreError, UnknownModelError
from gptwidgets.store import filing, journal, listings, measurements, schema
from gptwidgets.store.database import Database
from gptwidgets.store.listings import Facts, File, Words
from gptwidgets.store.measurements import Figures

WORDS = Words(
    title="Mine",
    publisher="Ada",
    summary="A test.",
    licence="MIT",
    card="# Mine",
    use_cases=["story", "chat", "story"],
    languages=["fr", "en"],
)
FACTS = Facts(
    source={"kind": "folder", "path": "/x"},
    architecture="gpt2",
    revision="1",
    parameters=1000,
    context_length=64,
    dtype="float32",
    weight_bytes=4000,
    config={"n_embd": 8, "n_layer": 1, "n_head": 2},
    files=[File("model.safetensors", 4000, "a" * 64), File("config.json", 10)],
)
FIGURES = Figures(
    machine="here",
    device="cpu",
    dtype="float32",
    torch="2",
    transformers="5",
    tokens_per_second=9.5,
    text_bytes=900,
)


def test_a_listing_with_a_version_is_added_and_read(database):
    added = filing.add(database, "Mine", WORDS, FACTS)
    assert (added.name, added.status, added.made_by, added.source) == ("Mine", "draft", "ada", FACTS.source)
    assert [file.path for file in added.files] == ["config.json", "model.safetensors"]
    found = listings.get(database, "mINE")
    assert (found.name, found.status, found.use_cases, found.languages) == (
        "Mine",
        "draft",
        ("chat", "story"),
        ("en", "fr"),
    )
    assert (found.version_id, found.parameters, found.weight_bytes) == (added.id, 1000, 4000)
    (line,) = journal.entries(database, "Mine")
    assert (line.who, line.what, line.subject_id) == ("ada", "add version", added.id)
    with pytest.raises(UnknownModelError, match="search"):
        listings.get(database, "none such")


def test_a_new_draft_changes_nothing_until_it_is_published(database):
    first = filing.add(database, "mine", WORDS, FACTS)
    filing.set_status(database, first.id, "published")
    later = dataclasses.replace(WORDS, title="Mine, better", use_cases=["code"])
    second = filing.add(database, "mine", later, dataclasses.replace(FACTS, revision="2", parameters=2000))
    shown = listings.get(database, "mine")
    assert (shown.title, shown.parameters, shown.status) == ("Mine", 1000, "published")
    filing.set_status(database, second.id, "published", "Well done.")
    filing.describe(database, "mine", later)
    shown = listings.get(database, "mine")
    assert (shown.title, shown.parameters, shown.use_cases) == ("Mine, better", 2000, ("code",))
    assert listings.version(database, second.id).words == "Well done."
    filing.set_status(database, second.id, "withdrawn")
    shown = listings.get(database, "mine")
    assert (shown.version_id, shown.status) == (first.id, "published")
    assert [version.id for version in listings.versions(database, shown.id)] == [second.id, first.id]


def test_a_name_that_is_taken_in_whatever_case_and_a_revision_twice_are_refused(database, database_url):
    filing.add(database, "mine", WORDS, FACTS)
    with pytest.raises(StoreError, match='a version "1" already'):
        filing.add(database, "MINE", WORDS, FACTS)
    with pytest.raises(StoreError, match="is taken"):
        filing.add(database, "gpt2", WORDS, FACTS)
    with Database.open(database_url, user="bob") as other:
        if other.shared:
            with pytest.raises(StoreError, match="is taken, by ada"):
                filing.add(other, "mine", WORDS, dataclasses.replace(FACTS, revision="2"))
    with pytest.raises(StoreError, match="no use case cooking"):
        filing.add(database, "other", dataclasses.replace(WORDS, use_cases=["cooking"]), FACTS)
    assert listings.find(database, "other") is None  # nothing half done


def test_of_two_who_add_the_same_at_once_one_is_told(database, database_url):
    start, raised = threading.Barrier(2), []

    def add(one):
        start.wait()
        try:
            filing.add(one, "mine", WORDS, FACTS)
        except StoreError as error:
            raised.append(str(error))

    with Database.open(database_url, user="ada") as second:
        threads = [threading.Thread(target=add, args=[one]) for one in (database, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(raised) == 1
    assert len(listings.versions(database, listings.get(database, "mine").id)) == 1


def test_runs_are_saved_and_the_latest_of_each_version_is_what_is_sorted_by(database):
    gpt2, small = listings.get(database, "gpt2"), listings.get(database, "distilgpt2")
    first = measurements.save(database, gpt2.version_id, FIGURES)
    assert (first.person, first.tokens_per_second, first.bits_per_byte) == ("ada", 9.5, None)
    second = measurements.save(database, gpt2.version_id, dataclasses.replace(FIGURES, tokens_per_second=11))
    elsewhere = measurements.save(database, gpt2.version_id, dataclasses.replace(FIGURES, machine="there"))
    other = measurements.save(database, small.version_id, FIGURES)
    assert measurements.measurements(database) == [other, elsewhere, second, first]
    assert measurements.measurements(database, gpt2.id, machine="here") == [second, first]
    with database.reading() as connection:
        latest = connection.execute(measurements.latest("here")).all()
    assert sorted(row.id for row in latest) == [second.id, other.id]
    for wrong in (float("nan"), float("inf"), -1.0):
        with pytest.raises(StoreError, match="measure again"):
            measurements.save(database, gpt2.version_id, dataclasses.replace(FIGURES, bits_per_byte=wrong))


def test_the_schema_leaves_room_for_a_price_that_nothing_reads(database):
    assert {"price_minor", "currency"} <= set(schema.listing.c.keys())
    assert set(schema.entitlement.c.keys()) == {"listing_id", "person", "granted_at"}
