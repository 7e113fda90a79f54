from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gptwidgets.errors import ClosedError
from gptwidgets.kernel import files
from gptwidgets.kernel.mask import Band
from gptwidgets.kernel.pieces import Tokens
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.kernel.source import LayerQK, QKSource


@pytest.fixture
def record():
    torch.manual_seed(0)
    T = 7
    q, k = torch.randn(2, 4, T, 8, dtype=torch.bfloat16), torch.randn(2, 2, T, 8, dtype=torch.bfloat16)
    source = QKSource(
        {
            3: LayerQK(q[0], k[0], scale=8**-0.5, rule=Band(window=3), softcap=20.0),
            9: LayerQK(q[1], k[1], scale=0.1, sinks=torch.randn(4), bias=torch.randn(1, T, T)),
        }
    )
    parts = [b"<s>", b"caf", b"\xc3", b"\xa9", b"\x00", b" it", b"\xff"]
    tokens = Tokens(range(T), parts, spans=[None, (0, 3), *[(3, 4)] * 2, (4, 5), (5, 8), (8, 9)], special=[0])
    return AttentionRecord(source, tokens, name="tiny", notes=["beyond the trained context"])


def test_a_record_comes_back_exactly(record, tmp_path):
    path = record.save(tmp_path / "animal")
    assert path == tmp_path / "animal.safetensors"
    again = AttentionRecord.load(path)
    for layer in (3, 9):
        for head in range(4):
            np.testing.assert_array_equal(again.weights(layer, head), record.weights(layer, head))
        assert torch.equal(again.query(layer), record.query(layer))
        assert again.key(layer).dtype == torch.bfloat16
    assert again.tokens == record.tokens
    assert again.tokens.text == record.tokens.text
    assert again.tokens.special == record.tokens.special
    assert (again.name, again.notes) == (record.name, record.notes)
    assert (again.layers, again.windows, again.causal) == (record.layers, record.windows, record.causal)
    assert [file.name for file in tmp_path.iterdir()] == ["animal.safetensors"]


def test_arrays_too(tmp_path):
    weights = np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype(np.float32)
    weights[..., 2, 3] = np.nan
    record = AttentionRecord.from_arrays(weights, tokens=["a", "b", "\ud800", "d"])
    again = AttentionRecord.load(record.save(tmp_path / "a.safetensors"))
    np.testing.assert_array_equal(again.weights(1, 2), record.weights(1, 2))
    assert again.signed
    assert again.vmax == record.vmax
    assert again.tokens == record.tokens


def test_tensors_that_are_views_of_one_storage(tmp_path):
    whole = torch.randn(3, 2, 5, 4)
    source = QKSource({0: LayerQK(whole[0], whole[1], scale=0.5)})
    record = AttentionRecord(source, Tokens.from_words("abcde"[i] for i in range(5)))
    path = record.save(tmp_path / "views.safetensors")
    assert path.stat().st_size < whole.nbytes + 2000
    np.testing.assert_array_equal(AttentionRecord.load(path).weights(0, 1), record.weights(0, 1))


def test_an_existing_file_is_replaced_or_left_whole(record, tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    record.save(path)
    before = path.read_bytes()

    def interrupted(tensors, part, metadata):
        with open(part, "wb") as file:  # noqa: PTH123
            file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("safetensors.torch.save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        record.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    monkeypatch.undo()
    assert record.save(path).read_bytes() == before


def test_what_is_no_record_is_refused_in_words(record, tmp_path):
    with pytest.raises(FileNotFoundError, match="no file"):
        AttentionRecord.load(tmp_path / "nothing")
    other = tmp_path / "model.safetensors"
    save_file({"w": torch.zeros(2)}, other)
    with pytest.raises(files.FileError, match=r"gw\.load"):
        AttentionRecord.load(other)
    text = tmp_path / "a.txt"
    text.write_text("no tensors here, only a long enough line of text")
    with pytest.raises(files.FileError, match="not a whole safetensors file"):
        AttentionRecord.load(text)
    whole = record.save(tmp_path / "whole.safetensors")
    half = tmp_path / "half.safetensors"
    half.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(files.FileError, match="not a whole"):
        AttentionRecord.load(half)


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ({"format": 99}, "newer gptwidgets"),
        ({"format": 1}, "damaged"),
        ({"format": 1, "source": {"kind": "pickle"}, "tokens": {}, "name": "", "notes": []}, "damaged"),
        ({"format": "x"}, "not an attention record"),
        (["list"], "not an attention record"),
    ],
)
def test_strange_metadata(meta, words, tmp_path):
    path = tmp_path / "odd.safetensors"
    save_file({"0.w": torch.zeros(1, 2, 2)}, path, metadata={files.KEY: json.dumps(meta)})
    with pytest.raises(files.FileError, match=words):
        AttentionRecord.load(path)


def test_a_closed_record_cannot_be_saved(record, tmp_path):
    record.close()
    with pytest.raises(ClosedError):
        record.save(tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_places_where_nothing_can_be_written_are_named(record, tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder; give the name of a file"):
        record.save(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*; make it first"):
        record.save(tmp_path / "nowhere" / "a.safetensors")
    assert not list(tmp_path.iterdir())
