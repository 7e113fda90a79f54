from __future__ import annotations

import json
import struct

import pytest

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.store.describing import describe_config, describe_folder
from gptwidgets.store.folders import seal
from gptwidgets.store.ggufheader import describe_gguf, read_header
from gptwidgets.store.sources import Machine
from tests.kernel.test_convert import write_gguf
from tests.store.hub.standin import COMMIT, CONFIG, safetensors


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Folders of one of each kind."""
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GPTWIDGETS_MODELS", str(tmp_path / "class"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    model(tmp_path / "home" / "models" / "mine")
    seal(tmp_path / "home" / "models" / "mine", {"name": "mine", "licence": "MIT"})
    model(tmp_path / "home" / "models" / ".half.part" / "model")
    model(tmp_path / "class" / "ours")
    model(tmp_path / "cache" / "models--us--tiny" / "snapshots" / COMMIT)
    (tmp_path / "cache" / "models--us--half" / "snapshots" / COMMIT).mkdir(parents=True)
    (tmp_path / "cache" / "datasets--us--data").mkdir()
    model(tmp_path / "work" / "run" / "checkpoint")
    write_gguf(tmp_path / "work" / "small.gguf")
    (tmp_path / "work" / "broken.gguf").write_bytes(b"GGUF")
    return tmp_path


def model(folder):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(safetensors(100))
    (folder / "README.md").write_text("# Card")


def test_everything_that_is_here_is_found(place):
    found = {found.name: found for found in Machine([place / "work"]).search("")}
    assert set(found) == {
        "ours",
        "mine",
        "us/tiny",
        str(place / "work" / "run" / "checkpoint"),
        str(place / "work" / "small.gguf"),
    }
    tiny = found["us/tiny"]
    assert (tiny.architecture, tiny.parameters, tiny.context_length, tiny.dtype) == (
        "gpt2",
        100,
        64,
        "float32",
    )
    assert tiny.source == {"kind": "hub", "repository": "us/tiny", "revision": COMMIT}
    assert (tiny.publisher, tiny.card, tiny.config) == ("us", "# Card", CONFIG)
    assert found["mine"].licence == "MIT"
    gguf = found[str(place / "work" / "small.gguf")]
    assert (gguf.architecture, gguf.dtype) == ("llama", "Q8_0")
    assert gguf.source == {"kind": "gguf", "path": gguf.name}


def test_words_narrow_it_down_and_one_can_be_described(place):
    machine = Machine([place / "work"])
    assert [found.name for found in machine.search("US gpt2")] == ["us/tiny"]
    assert machine.search("nothing like this") == []
    assert len(machine.search("", limit=2)) == 2
    assert machine.describe("ours").origin == "machine"
    assert machine.describe("theirs") is None


def test_places_that_are_not_there(place):
    assert len(Machine([place / "nowhere", place / "work" / "small.gguf"]).search("small")) == 1


def test_a_gguf_header_says_what_a_whole_read_says(tmp_path):
    numbers = write_gguf(tmp_path / "small.gguf")
    facts, tensors = read_header(tmp_path / "small.gguf")
    assert facts["general.architecture"] == "llama"
    described, _ = describe_gguf(tmp_path / "small.gguf")
    assert described.parameters == sum(array.size for array in numbers.values())
    assert len(tensors) == len(numbers)
    assert described.context_length == facts["llama.context_length"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGUF",
        b"JUNK" * 100,
        struct.pack("<4sIQQ", b"GGUF", 3, 2**60, 0),
        struct.pack("<4sIQQQ", b"GGUF", 3, 0, 1, 2**62),
        struct.pack("<4sIQQQ1sI", b"GGUF", 3, 0, 1, 1, b"k", 99),
        struct.pack("<4sIQQQ1sIIQ", b"GGUF", 3, 0, 1, 1, b"k", 9, 8, 2**50),
    ],
)
def test_what_is_no_gguf_file(tmp_path, content):
    (tmp_path / "junk.gguf").write_bytes(content)
    with pytest.raises(UnsupportedModelError, match=r'"junk\.gguf" is no GGUF file'):
        read_header(tmp_path / "junk.gguf")


def test_a_cut_gguf_file(tmp_path):
    write_gguf(tmp_path / "small.gguf")
    whole = (tmp_path / "small.gguf").read_bytes()
    for end in range(0, 2000, 37):
        (tmp_path / "cut.gguf").write_bytes(whole[:end])
        with pytest.raises(UnsupportedModelError):
            read_header(tmp_path / "cut.gguf")


def test_a_folder_that_cannot_be_read_is_left_unknown(tmp_path):
    (tmp_path / "config.json").write_text("[" * 5000)
    (tmp_path / "model.safetensors").write_bytes(b"junk")
    found = describe_folder(tmp_path)
    assert (found.architecture, found.parameters, found.dtype, found.config) == ("", None, None, None)
    assert describe_config(
        {"model_type": 3, "n_ctx": 10**30, "text_config": {"max_position_embeddings": 8}}
    ) == ("", 8)
