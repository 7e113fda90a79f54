from __future__ import annotations

import json
import time

import pytest

from gptwidgets.errors import InstallError
from gptwidgets.store.sources import Embedded, Found, HuggingFace, ask, describe
from tests.store.hub.standin import COMMIT, CONFIG, tiny

CARD = b"""---
license: apache-2.0
---
# Tiny

A model that is small enough to be read through in an afternoon.
"""
FACTS = {
    "cardData": {"license": "apache-2.0", "language": ["en", "fr"]},
    "safetensors": {"parameters": {"BF16": 1000, "F32": 10}, "total": 1010},
    "config": {"model_type": "gpt2"},
    "author": "us",
}
GPT2 = Found("gpt2", "GPT-2", "OpenAI", "The model of 2019.", "MIT", "embedded")
CATALOGUE = Embedded(lambda words, _limit: [GPT2] if GPT2.says(words.split()) else [], {"gpt2": GPT2}.get)


@pytest.fixture
def told(hub):
    hub.models = {"us/tiny": {**tiny(), "README.md": CARD}, "us/large": tiny()}
    hub.facts = {"us/tiny": dict(FACTS), "us/large": {"gated": "manual", "cardData": None}}
    return hub


def test_a_search_says_what_a_listing_says(told):
    (found,) = HuggingFace().search("tiny")
    assert (found.name, found.title, found.publisher, found.origin) == ("us/tiny", "tiny", "us", "hub")
    assert (found.licence, found.languages, found.gated) == ("Apache-2.0", ("en", "fr"), False)
    assert (found.architecture, found.parameters, found.dtype) == ("gpt2", 1010, "bfloat16")
    assert found.weight_bytes == 2 * 1000 + 4 * 10
    assert found.source == {"kind": "hub", "repository": "us/tiny", "revision": COMMIT}
    asked = told.asked[-1][1]
    for part in ("search=tiny", "filter=text-generation", "filter=safetensors", "limit=50", "sort=downloads"):
        assert part in asked
    (large,) = HuggingFace().search("large")
    assert large.gated


def test_a_description_has_card_and_configuration(told):
    found = HuggingFace().describe("us/tiny")
    assert found.card.startswith("# Tiny")
    assert found.summary == "A model that is small enough to be read through in an afternoon."
    assert found.config == CONFIG
    assert found.context_length == 64
    assert HuggingFace().describe("us/missing") is None
    for name in ("gpt2", "a/b/c", "../api", "us/.."):
        assert HuggingFace().describe(name) is None


def test_a_gated_models_facts_are_told_without_its_files(told):
    told.file_status = 403
    found = HuggingFace().describe("us/large")
    assert (found.gated, found.card, found.config) == (True, "", None)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (429, r"asked too often \(429\): wait a minute"),
        (500, r"trouble of its own \(500\)"),
        (401, "hf auth login"),
    ],
)
def test_one_refusal_is_one_sentence_at_once(told, status, said):
    told.status = status
    begun = time.monotonic()
    with pytest.raises(InstallError, match=said) as caught:
        HuggingFace().search("tiny")
    assert time.monotonic() - begun < 2
    assert str(caught.value).startswith("The Hugging Face Hub cannot be searched: ")
    assert "\n" not in str(caught.value)
    assert len([entry for entry in told.asked if entry[0] == "api"]) == 1


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b"null", b"3", b'[{"x": 1}]', b"[3]", b'{"a": "b"}', b"\xff\xfe"]
)
def test_answers_that_make_no_sense(told, body):
    told.body = body
    with pytest.raises(InstallError, match="its answer makes no sense"):
        HuggingFace().search("tiny")


def test_odd_facts_are_left_out(told):
    told.facts["us/tiny"] = {
        "cardData": [],
        "safetensors": {"parameters": {"F32": "many"}},
        "config": {"model_type": 3},
        "tags": None,
        "sha": 7,
        "downloads": "lots",
        "author": None,
    }
    (found,) = HuggingFace().search("tiny")
    assert (found.publisher, found.licence, found.parameters, found.architecture) == ("us", "", None, "")
    assert (found.revision, found.downloads) == ("", None)


def test_a_hub_that_hangs_keeps_nobody_waiting(told):
    told.hang = True
    begun = time.monotonic()
    catalogue, hub = ask([CATALOGUE, HuggingFace(within=30)], "gpt", within=0.3)
    assert time.monotonic() - begun < 2
    assert catalogue.found == (GPT2,)
    assert catalogue.problem is None
    assert hub.found == ()
    assert hub.problem.startswith("The Hugging Face Hub did not answer within 0.3 seconds")


def test_a_hub_that_says_nothing_is_given_up(told):
    told.hang = True
    with pytest.raises(InstallError, match="it does not answer"):
        HuggingFace(within=0.2).search("tiny")


def test_all_sources_are_asked_and_one_that_fails_is_a_sentence(told):
    class Broken:
        title = "the cupboard"

        def search(self, words, *, limit=50):
            raise ZeroDivisionError(words)

        describe = search

    told.status = 500
    answers = ask([CATALOGUE, Broken(), HuggingFace()], "gpt2")
    assert [len(answer.found) for answer in answers] == [1, 0, 0]
    assert answers[1].problem == "The cupboard cannot be searched (ZeroDivisionError: gpt2)."
    assert "(500)" in answers[2].problem
    found, problems = describe([CATALOGUE, HuggingFace()], "gpt2")
    assert found == GPT2
    assert problems == ()
    told.status = None
    found, problems = describe([CATALOGUE, HuggingFace()], "us/tiny")
    assert found.name == "us/tiny"


def test_a_card_of_ten_megabytes_is_cut(told):
    told.models["us/tiny"]["README.md"] = b"# Long\n" + b"word " * 2_000_000
    assert len(HuggingFace().describe("us/tiny").card) <= 1_000_000


def test_what_was_found_can_be_installed(told, home):
    from tests.store.hub.test_hubinstall import get

    (found,) = HuggingFace().search("tiny")
    assert json.loads((get(found) / "config.json").read_text()) == CONFIG
