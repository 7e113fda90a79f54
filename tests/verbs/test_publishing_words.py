"""What hostile words and files do to a publish."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest

from gptwidgets.errors import StoreError
from gptwidgets.store import listings
from gptwidgets.verbs import publishing
from tests.verbs.test_publishing import files, publish, works  # noqa: F401 - fixtures
from tests.verbs.test_publishing_broken import nothing_of_it

LETTERS = "abcdefghijklmnopqr"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"name": "mine\n"}, "small letters"),
        ({"name": "mine/../../x"}, "small letters"),
        ({"name": "\u0430dmin"}, "small letters"),  # a Cyrillic a
        ({"name": "x" * 10_000_000}, "small letters"),
        ({"name": 3}, "small letters"),
        ({"name": "nul"}, "on Windows"),
        ({"name": "con.v1"}, "on Windows"),
        ({"revision": 2}, "small letters"),
        ({"revision": "aux"}, "on Windows"),
        ({"title": "x" * 10_000_000}, "characters"),
        ({"title": 3}, "text"),
        ({"summary": "x" * 600}, "at most 500"),
        ({"licence": None}, "SPDX"),
        ({"use_cases": 3}, "list of words"),
        ({"use_cases": [["chat"]]}, "list of words"),
        ({"languages": [None]}, "list of words"),
        ({"languages": ["english"]}, "ISO code"),
        (
            {"languages": [f"a{x}{y}" for x in LETTERS for y in LETTERS]},
            "at most 300",
        ),
    ],
)
def test_words_that_cannot_be_are_refused_in_one_sentence(database, files, more, said):  # noqa: F811
    with pytest.raises(StoreError, match=said) as caught:
        publish(database, files, **more)
    assert len(str(caught.value)) < 500
    assert nothing_of_it(database)


@pytest.mark.parametrize(
    "config",
    ["{", "[]", "null", "[" * 100_000, '{"a": "\\u0000"}', '{"a": "\\ud800"}', '{"a": NaN, "n_ctx": 1e999}',
     '{"model_type": "' + "x" * 500 + '"}', '{"model_type": "a\\u0000b"}', '{"n_ctx": ' + "9" * 400 + "}"],
)  # fmt: skip
def test_a_config_of_whatever_kind_is_told_by_the_checks_and_breaks_nothing(database, files, works, config):  # noqa: F811
    (files / "config.json").write_text(config)
    publish(database, files)
    publishing.submit(database, "mine")
    assert listings.get(database, "mine").status in {"draft", "submitted"}


@pytest.mark.parametrize(
    "tensor",
    [
        {"dtype": "F32", "shape": [2**62, 2**62]},
        {"dtype": "F32", "shape": [-5]},
        {"dtype": "F32", "shape": [1.5]},
        {"dtype": "X" * 1000, "shape": [1]},
        {"dtype": "\0\ud800", "shape": [1]},
    ],
)
def test_weights_whose_header_lies_break_nothing(database, files, works, tensor):  # noqa: F811
    header = json.dumps({"wte": {**tensor, "data_offsets": [0, 4]}}).encode()
    (files / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    draft = publish(database, files)
    assert (draft.parameters, draft.dtype) == (None, None)
    results = {check.name: check for check in publishing.submit(database, "mine")}
    assert "no safetensors file" in results["files are safe"].reason


def test_names_of_files_that_no_system_can_keep_are_refused(database, files):  # noqa: F811
    for name in (b"a\xff.json", b"a\nb.json", b"x" * 200 + b"/" + b"y" * 200):
        odd = os.path.join(os.fsencode(files), name)  # noqa: PTH118 - bytes
        os.makedirs(os.path.dirname(odd), exist_ok=True)  # noqa: PTH103, PTH120
        Path(os.fsdecode(odd)).write_text("{}")
        with pytest.raises(StoreError, match=r"no name for a file|too long a name") as caught:
            publish(database, files)
        str(caught.value).encode()
        Path(os.fsdecode(odd)).unlink()
    assert nothing_of_it(database)
