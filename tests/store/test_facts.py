from __future__ import annotations

import json

import pytest
import torch
import transformers
from sqlalchemy import func, insert, select

from gptwidgets.kernel.refusals import WITHOUT_ATTENTION
from gptwidgets.store import clock, facts, filing, journal, listings, schema, sizes
from gptwidgets.store.database import Database

FACTS = json.loads(facts.text())
KINDS = {"hub": "revision", "wheel": "member_sha256"}


def changed(change):
    """The facts of a later edition."""
    later = json.loads(facts.text())
    later["edition"] += 1
    change(later["listings"])
    return json.dumps(later)


@pytest.fixture
def reopen(database, database_url, monkeypatch):
    """Opens the store with other facts."""
    opened = []

    def again(text):
        monkeypatch.setattr(facts, "text", lambda: text)
        opened.append(Database.open(database_url, user="ada"))
        return opened[-1]

    yield again
    for one in opened:
        one.close()


def test_a_few_dozen_models_are_described_and_the_default_is_one_of_them():
    names = [fact["name"] for fact in FACTS["listings"]]
    assert len(names) >= 36
    assert len({name.lower() for name in names}) == len(names)
    assert FACTS["default"] in names


@pytest.mark.parametrize("fact", FACTS["listings"], ids=lambda fact: fact["name"])
def test_what_is_said_of_a_model_is_whole(fact):
    pin = fact["source"][KINDS[fact["source"]["kind"]]]
    assert pin is None or (len(pin) in {40, 64} and int(pin, 16))
    assert set(fact["use_cases"]) <= set(schema.USE_CASES)
    assert fact["use_cases"]
    assert all(len(language) == 2 for language in fact["languages"])
    assert fact["weight_bytes"] == fact["parameters"] * sizes.DTYPE_BYTES[fact["dtype"]]
    assert fact["architecture"] == fact["config"]["model_type"]
    assert fact["architecture"] not in WITHOUT_ATTENTION
    assert fact["summary"].endswith(".")


@pytest.mark.parametrize("fact", FACTS["listings"], ids=lambda fact: fact["name"])
def test_the_numbers_of_parameters_are_those_of_the_configurations(fact):
    config = transformers.AutoConfig.for_model(**fact["config"])
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    assert sum(parameter.numel() for parameter in model.parameters()) == fact["parameters"]


def test_the_cards_say_use_size_licence_and_whether_the_revision_is_pinned():
    for fact in FACTS["listings"]:
        card = facts.card(fact)
        assert all(part in card for part in ("## Use", "## Size", "## Source", fact["licence"]))
        pinned = fact["source"].get("revision", "by SHA-256")
        assert ("pinned at install" if pinned is None else pinned) in card


def test_every_store_has_the_embedded_models(database):
    found = listings.find(database, "GPT2")
    assert (found.name, found.publisher, found.origin, found.status) == (
        "gpt2",
        "OpenAI",
        "embedded",
        "published",
    )
    assert found.use_cases == ("research", "story", "teaching")
    assert found.source["kind"] == "hub"
    assert found.revision == found.source["revision"]
    (version,) = listings.versions(database, found.id)
    assert version.id == found.version_id
    assert version.config["n_layer"] == 12
    with database.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.listing)) == len(FACTS["listings"])
        memory = connection.scalar(
            select(schema.listing.c.memory_bytes).where(schema.listing.c.name == "gpt2")
        )
    assert memory == 124439808 * 4 + 2 * 12 * 768 * 1024 * 4


def test_a_later_edition_is_taken_over_once_and_an_earlier_one_is_not(database, reopen):
    def change(shipped):
        shipped[2]["title"] = "GPT-2, the first"
        shipped.append({**shipped[2], "name": "brand-new"})

    later = changed(change)
    with reopen(later) as newer:
        assert listings.find(newer, "gpt2").title == "GPT-2, the first"
        assert listings.find(newer, "brand-new") is not None
        lines = journal.entries(newer)
    reopen(later)
    assert journal.entries(database) == lines
    line = lines[0]
    assert (line.who, line.what) == ("ada", "take over facts")
    assert (line.details["added"], line.details["retired"]) == (1, 0)
    reopen(json.dumps(FACTS))  # an older gptwidgets on the same store
    assert listings.find(database, "gpt2").title == "GPT-2, the first"


def test_a_retired_model_goes_unless_somebody_has_written_of_it(database, reopen):
    reviewed = listings.find(database, "gpt2")
    with database.writing("review") as connection:
        now = clock.now(connection)
        connection.execute(
            insert(schema.review).values(
                version_id=reviewed.version_id, person="ada", stars=4, words="", made_at=now, changed_at=now
            )
        )

    def change(shipped):
        shipped[:] = [fact for fact in shipped if fact["name"] not in {"gpt2", "distilgpt2"}]

    newer = reopen(changed(change))
    assert listings.find(newer, "distilgpt2") is None
    kept = listings.find(newer, "gpt2")
    assert (kept.id, kept.status) == (reviewed.id, "withdrawn")
    assert listings.version(newer, reviewed.version_id).status == "withdrawn"


def test_another_pin_is_another_version_and_what_is_installed_stays(database, reopen):
    before = listings.find(database, "gpt2")
    with database.writing("install") as connection:
        connection.execute(
            insert(schema.install).values(
                version_id=before.version_id,
                machine="m",
                person="ada",
                folder="/x",
                bytes=1,
                made_at=clock.now(connection),
            )
        )

    def change(shipped):
        for fact in shipped[2:4]:  # gpt2, distilgpt2
            fact["source"]["revision"] = "1" * 40

    newer = reopen(changed(change))
    after = listings.find(newer, "gpt2")
    assert after.revision == "1" * 40
    assert [version.status for version in listings.versions(newer, after.id)] == ["published", "withdrawn"]
    (only,) = listings.versions(newer, listings.find(newer, "distilgpt2").id)
    assert only.revision == "1" * 40


def test_a_name_that_a_user_has_taken_stays_the_users(database, reopen):
    words = listings.Words(title="Mine", publisher="Ada", summary="Mine.", licence="MIT", use_cases=["story"])
    filing.add(database, "Brand-New", words, listings.Facts(source={"kind": "folder"}, architecture="gpt2"))
    later = changed(lambda shipped: shipped.append({**shipped[2], "name": "brand-new"}))
    found = listings.find(reopen(later), "brand-new")
    assert (found.title, found.origin) == ("Mine", "user")
