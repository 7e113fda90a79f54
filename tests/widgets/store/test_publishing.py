"""The form in the page that publishes, before a real store: whatever is typed or pasted into it."""

from __future__ import annotations

import json

import pytest

import gptwidgets as gw
from gptwidgets.store.schema import USE_CASES
from gptwidgets.verbs import checking
from tests.store.hub.standin import CONFIG, safetensors
from tests.waiting import until
from tests.widgets.store.test_service import FORM

HOSTILE = """# <script>alert("title")</script>

<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)></svg>
[a link](javascript:alert(4)) ![a picture](https://example.org/seen.png?who=you)
<iframe src="https://example.org"></iframe><a href="data:text/html,<script>alert(5)</script>">x</a>

## Use
To play. \u202egnp.exe

## Data
None.

## Limits
All.
"""


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(checking, "run_child", lambda *_, **__: {"results": [["loads", True, "It does."]]})
    with gw.Store(f"sqlite:///{tmp_path}/store.sqlite3", user="ada") as store:
        yield store


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "my-model"
    made.mkdir()
    (made / "config.json").write_text(json.dumps(CONFIG))
    (made / "model.safetensors").write_bytes(safetensors(1_000))
    return made


def test_a_hostile_card_is_kept_as_it_was_written_and_said_in_plain_words(web, store, folder):
    title = "<img src=x onerror=alert(1)>\nMine\0"
    form = {**FORM, "card": HOSTILE, "title": title, "summary": ""}
    reply, _ = web.ask("publish", folder=str(folder), **form)
    assert (reply["name"], reply["revision"]) == ("mine", "v1")
    web.ask("submit", name="mine")
    until(lambda: len(store.queue()) == 1, said=lambda: store.checks("mine").to_string())
    unseen = web.ask("approve", name="mine", revision="v0", words="")[0]["error"]
    assert unseen["type"] == "StoreError"  # another version took the place of the one that was looked at
    web.ask("approve", name="mine", revision="v1", words="<b>Good</b>")
    shown = web.ask("show", name="mine")[0]["shown"]["listing"]
    assert shown["card"] == HOSTILE
    assert shown["title"] == "<img src=x onerror=alert(1)> Mine"
    assert "<script" not in shown["summary"]
    assert shown["status"] == "published"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"card": "x" * 10_000_000}, "10,000,000 characters; at most"),
        ({"title": "x" * 10_000_000}, "characters; at most"),
        ({"name": "x" * 90_000}, "small letters"),
        ({"name": "../../etc/passwd"}, "small letters"),
        ({"name": "<b>mine</b>"}, "small letters"),
        ({"name": "gpt2"}, "taken"),
        ({"revision": "../v1"}, "small letters"),
        ({"licence": ""}, "SPDX"),
        ({"use_cases": ["war"]}, f"take of {USE_CASES[0]}"),
        ({"languages": ["<script>"]}, "ISO code"),
        ({"folder": "/no/such/folder"}, "no folder of a model"),
        ({"folder": "a\0b"}, "no folder of a model"),
        ({"card": 3}, "a text"),
    ],
)
def test_what_cannot_be_published_is_answered_in_a_sentence_and_nothing_is_kept(
    web, store, folder, tmp_path, fields, said
):
    reply, _ = web.ask("publish", **{**FORM, "folder": str(folder), **fields})
    assert said in reply["error"]["message"]
    assert len(reply["error"]["message"]) < 500
    assert not list((tmp_path / "published").glob("mine"))
    assert "mine" not in {line["subject"] for line in store.journal().to_dict("records")}
