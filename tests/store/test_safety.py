from __future__ import annotations

import json
import struct
import sys
import time

import pytest

from gptwidgets.store import folders, leaks, safety
from gptwidgets.store.listings import File
from tests.store.hub.standin import CONFIG, safetensors


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text(json.dumps(CONFIG))
    (made / "model.safetensors").write_bytes(safetensors(1000))
    return made


def failed(folder, *, seal=True):
    if seal:
        folders.seal(folder, {})
    return {name: reason for name, passed, reason in safety.examine(folder) if not passed}


def test_a_plain_model_passes(folder):
    (folder / "LICENSE").write_text("Do as you like.")
    (folder / "README.md").write_text("# A model")
    assert failed(folder) == {}


@pytest.mark.parametrize(
    ("name", "content", "check"),
    [
        ("model.safetensors", b"\x80\x04\x95\x00pickle", "files are safe"),
        ("modeling.py", b"import os", "no code"),
        ("pytorch_model.bin", b"PK", "no code"),
        ("card.html", b"<script>", "no code"),
        ("weights.zip", b"PK", "files are safe"),
        (".env", b"x=1", "files are safe"),
        ("a/.hidden/b.json", b"{}", "files are safe"),
        ("a\\b.json", b"{}", "files are safe"),
        ("LICENSE", b"\x7fELF\x02\x01", "no code"),
        ("NOTES", b"#!/bin/sh\nrm -rf ~", "no code"),
        ("spm.model", b"\x80\x04\x95\x00pickle", "no code"),
        ("spm.model", b"PK\x03\x04", "no code"),
        ("vocab.txt", b"\xff\xfe\x00", "files are safe"),
        ("tokenizer.json", b"{", "files are safe"),
        ("config.json", b'{"auto_map": {"AutoModel": "modeling.Mine"}}', "no code"),
        ("config.json", b'{"text_config": {"auto_map": {"AutoModel": "modeling.Mine"}}}', "no code"),
        ("tokenizer_config.json", b"{%s" % (b" " * 6_000_000) + b'"auto_map": {"a": "b.c"}}', "no code"),
        ("model.safetensors.index.json", b'{"weight_map": {"a": "../model.safetensors"}}', "files are safe"),
        ("model.safetensors.index.json", b'{"weight_map": {"a": "other.safetensors"}}', "files are safe"),
    ],
)
def test_what_is_no_data_is_named(folder, name, content, check):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    found = failed(folder)
    assert check in found
    assert name in found[check].replace("\\\\", "\\")


@pytest.mark.parametrize(
    "tensor",
    [
        {"dtype": "F32", "shape": [250], "data_offsets": [0, 4000]},  # more than there is
        {"dtype": "F32", "shape": [250], "data_offsets": [-1000, 1000]},
        {"dtype": "F32", "shape": [250], "data_offsets": [1000, 0]},
        {
            "dtype": "F32",
            "shape": [10_000],
            "data_offsets": [0, 1000],
        },  # a larger shape
        {"dtype": "F99", "shape": [250], "data_offsets": [0, 1000]},
        {"shape": [250]},
    ],
)
def test_weights_lie_inside_their_file(folder, tensor):
    header = json.dumps({"wte": tensor}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(1000))
    assert "no safetensors" in failed(folder)["files are safe"]


def test_what_lies_between_the_weights_is_seen(folder):
    header = json.dumps({"wte": {"dtype": "U8", "shape": [10], "data_offsets": [990, 1000]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(1000))
    assert "no safetensors" in failed(folder)["files are safe"]


def test_a_model_has_no_thousand_files_and_no_film(folder, monkeypatch):
    monkeypatch.setattr(safety, "MOST_FILES", 5)
    monkeypatch.setattr(safety, "MOST_BYTES", 100)
    for n in range(5):
        (folder / f"{n}.txt").write_text("x" * 101)
    reason = failed(folder)["files are safe"]
    assert "at most 5" in reason
    assert "larger than" in reason


@pytest.mark.skipif(sys.platform != "linux", reason="a disk that tells A from a")
def test_names_differ_on_every_system(folder):
    (folder / "README.md").write_text("a")
    (folder / "readme.md").write_text("b")
    assert "capital" in failed(folder)["files are safe"]


def test_a_link_is_no_file(folder):
    (folder / "vocab.txt").symlink_to("/etc/passwd")
    assert "link" in failed(folder)["files are safe"]


def test_without_weights_there_is_no_model(folder):
    (folder / "model.safetensors").unlink()
    assert "no weights" in failed(folder)["files are safe"]


@pytest.mark.parametrize(
    ("secret", "kind"),
    [
        ("hf_" + "a1B2" * 9, "Hugging Face"),
        ("sk-proj-" + "a1B2" * 10, "API key"),
        ("AKIA" + "ABCD1234" * 2, "AWS"),
        ("-----BEGIN RSA PRIVATE KEY-----", "private key"),
        ("glpat-" + "a1B2" * 5, "GitLab"),
        ("xoxb-" + "a1B2" * 5, "Slack"),
        ('"password": "hunter22"', "password"),
        ("\nexport DB_PASSWORD=hunter22\n", "password"),
        ("\nOPENAI_API_KEY: hunter2hunter2\n", "password"),
    ],
)
def test_a_secret_is_found_and_not_repeated(folder, secret, kind):
    (folder / "notes.txt").write_text(f"before {secret} after")
    reason = failed(folder)["no secrets"]
    assert kind in reason
    assert "notes.txt" in reason
    assert secret not in reason


def test_a_secret_is_found_wherever_a_file_has_room_for_it(folder, monkeypatch):
    monkeypatch.setattr(leaks, "_READ", 4096)  # read in pieces, and cut in two by their edge
    secret = b"hf_" + b"a1B2" * 9
    (folder / "tokenizer.json").write_bytes(b'{"a": "' + b" " * (4096 * 2 - 20) + secret + b'"}')
    (folder / "model.safetensors").write_bytes(with_note(secret.decode()))
    reason = failed(folder)["no secrets"]
    assert "tokenizer.json" in reason
    assert "model.safetensors" in reason
    assert secret.decode() not in reason


@pytest.mark.parametrize(
    "harmless",
    [
        '{"eos_token": "<|endoftext|>", "pad_token": "<pad_is_long_enough>"}',
        "The password: it is asked for when you log in.",
        "Set API_KEY=<your key> and SECRET=$SECRET before.",
        "{% set secret = messages[0]['content'] %}",
        "hf_hub_download(repo_id) sk-learn AKIA",
    ],
)
def test_what_only_speaks_of_secrets_passes(folder, harmless):
    (folder / "notes.txt").write_text(harmless)
    assert failed(folder) == {}


@pytest.mark.parametrize("piece", ["a-", "password ", "password=", "'", " \t", "sk-", "\n ", "-----BEGIN "])
def test_a_file_made_to_take_long_takes_a_moment(folder, piece):
    (folder / "notes.txt").write_text(piece * (1_000_000 // len(piece)))
    begin = time.process_time()
    list(leaks.kinds(folder / "notes.txt"))
    assert time.process_time() - begin < 3


def with_note(note):
    tensor = {"dtype": "U8", "shape": [10], "data_offsets": [0, 10]}
    header = json.dumps({"__metadata__": {"note": note}, "wte": tensor}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(10)


def test_what_the_store_pinned_counts_and_not_what_the_folder_says_of_itself(folder):
    sealed = folders.seal(folder, {})
    pinned = [File(path, facts["bytes"], facts["sha256"]) for path, facts in sealed["files"].items()]
    assert list(safety.changes(folder, pinned)) == []
    (folder / "config.json").write_text(json.dumps({**CONFIG, "n_layer": 3}))
    (folder / "gptwidgets.json").unlink()
    folders.seal(folder, {})  # and its manifest with it
    assert list(safety.changes(folder)) == []
    assert "config.json" in next(safety.changes(folder, pinned))


@pytest.mark.parametrize("change", ["edit", "remove", "add"])
def test_what_was_changed_since_the_draft_is_said(folder, change):
    folders.seal(folder, {})
    if change == "edit":
        (folder / "config.json").write_text(json.dumps({**CONFIG, "n_layer": 3}))
    elif change == "remove":
        (folder / "config.json").unlink()
    else:
        (folder / "more.json").write_text("{}")
    assert "publish it anew" in failed(folder, seal=False)["hashes"]
