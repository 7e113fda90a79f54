from __future__ import annotations

import json

import pytest

from gptwidgets.store import folders, safety
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
        ("config.json", b'{"auto_map": {"AutoModel": "modeling.Mine"}}', "no code"),
    ],
)
def test_what_is_no_data_is_named(folder, name, content, check):
    (folder / name).write_bytes(content)
    found = failed(folder)
    assert check in found
    assert name in found[check]


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
        ('"password": "hunter22"', "password"),
    ],
)
def test_a_secret_is_found_and_not_repeated(folder, secret, kind):
    (folder / "notes.txt").write_text(f"before {secret} after")
    reason = failed(folder)["no secrets"]
    assert kind in reason
    assert "notes.txt" in reason
    assert secret not in reason


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
