"""Values in the record, and what heads give out: against what enters the model's own output projection."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from gptwidgets.kernel import attention, files, prefill
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.mask import Band
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.kernel.recorder import Recorder
from gptwidgets.kernel.source import LayerQK, QKSource
from gptwidgets.kernel.tensors import ROWS
from tests.kernel.test_recorder import module, qk
from tests.kernel.tiny_models import GROUPED, INTERFACE, make, tiny

T = 24
PROJECTIONS = ("o_proj", "out_proj", "dense", "c_proj")  # of the heads' outputs side by side
DIFF = {**GROUPED, "attention_dropout": 0.0}


def ids(n: int = T) -> list[int]:
    return torch.randint(3, 97, (n,), generator=torch.Generator().manual_seed(1)).tolist()


def outputs(model: Any, text: list[int]) -> dict[int, torch.Tensor]:
    """[T, H · dv] of each layer, from hooks on the output projections."""
    found: dict[int, torch.Tensor] = {}
    hooks = []
    for path, attend in model.named_modules():
        own = dict(attend.named_children())
        name = next((n for n in PROJECTIONS if n in own), None)
        if "attention" not in type(attend).__name__.lower() or name is None:
            continue
        layer = next(int(part) for part in path.split(".") if part.isdigit())
        hooks.append(
            own[name].register_forward_pre_hook(lambda _, x, layer=layer: found.update({layer: x[0][0]}))
        )
    with torch.no_grad():
        model(torch.tensor([text]))
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("name", INTERFACE)
@pytest.mark.parametrize("chunk", [prefill.CHUNK, 10])
def test_what_heads_give_out_is_what_enters_the_output_projection(
    name: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefill, "CHUNK", chunk)
    model, text = make(name), ids()
    truth = outputs(model, text)
    attached = attention.attach(model)
    record = prefill.record(model, attached, text)
    attached.detach()
    for layer in record.layers:
        z = record.z(layer)
        assert z.shape[:2] == (4, T)
        assert record.value(layer).shape[1] == T
        off = z.transpose(0, 1).flatten(1) - truth[layer]
        assert off.abs().max() < 1e-5 * max(1.0, float(truth[layer].abs().max()))


def test_chosen_rows_in_any_order() -> None:
    text = ids(ROWS + 30)
    g = torch.Generator().manual_seed(2)
    q, k, v = (torch.randn(h, len(text), 8, generator=g) for h in (4, 2, 2))
    record = AttentionRecord(QKSource({0: LayerQK(q, k, 0.3, Band(40), v=v)}), tokens=_words(len(text)))
    z = record.z(0)
    assert (record.z(0, rows=[150, 3, 3, -1]) - z[:, [150, 3, 3, -1]]).abs().max() < 1e-6
    assert (record.z(0, rows=-1) - z[:, -1]).abs().max() < 1e-6
    assert record.z(0, rows=slice(0, 0)).shape == (4, 0, 8)


def _words(n: int):
    from gptwidgets.kernel.pieces import Tokens

    return Tokens.from_words([str(i) for i in range(n)])


def test_diffllama_attends_to_two_values_and_both_are_kept() -> None:
    model, text = tiny("diffllama", "DiffLlama", DIFF), ids()
    calls: list[torch.Tensor] = []
    attached = attention.attach(model)
    assert attached.kind == "interface"
    original = Recorder.take

    def take(self: Recorder, module: Any, query: Any, key: Any, value: Any, **rest: Any) -> None:
        calls.append(value[0])
        original(self, module, query, key, value, **rest)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Recorder, "take", take)
        record = prefill.record(model, attached, text)
    attached.detach()
    for layer in record.layers:
        assert torch.equal(record.value(layer), torch.cat(calls[2 * layer : 2 * layer + 2], -1))
        assert record.z(layer).shape == (4, T, 2 * model.config.head_dim)


def test_values_are_not_pinned_by_a_larger_buffer() -> None:
    q, k = qk(5)
    buffer = torch.randn(1, 2, 5, 24)
    recorder = Recorder(5)
    recorder.take(module(0), q, k, buffer[..., 8:16], scale=1.0, rule=Band())
    v = recorder.kept[0].v
    assert v is not None
    assert v.untyped_storage().nbytes() == v.nbytes
    assert torch.equal(v, buffer[0, ..., 8:16])


def test_values_of_a_cache_that_forgets_are_appended() -> None:
    recorder = Recorder(9)
    q, k, v = (torch.randn(1, h, 9, 8) for h in (4, 2, 2))
    for start, stop, first in ((0, 4, 0), (4, 7, 2), (7, 9, 5)):
        recorder.start = start
        here, seen = slice(start, stop), slice(first, stop)
        recorder.take(module(0), q[:, :, here], k[:, :, seen], v[:, :, seen], scale=1.0, rule=Band(3))
    assert torch.equal(recorder.kept[0].v, v[0])


def test_values_count_in_the_memory_that_a_record_says_it_holds() -> None:
    with GPT(make("deepseek_v3")) as gpt:
        record = gpt.record(ids(), progress=False)
    assert record.nbytes == sum(
        take(layer).nbytes for layer in record.layers for take in (record.query, record.key, record.value)
    )
    record.close()
    assert record.nbytes == 0


def test_a_file_holds_values_and_one_of_before_says_that_it_has_none(tmp_path: Any) -> None:
    with GPT(make("llama")) as gpt:
        record = gpt.record(ids(), progress=False)
    path = record.save(tmp_path / "a.safetensors")
    again = AttentionRecord.load(path)
    assert torch.equal(again.value(1), record.value(1))
    assert torch.equal(again.z(1), record.z(1))
    assert isinstance(again.source, QKSource)
    assert again.source.qk[1].positions == "rotated"
    with safe_open(path, "pt") as file:  # as the first format was
        meta = json.loads(file.metadata()[files.KEY])
        tensors = {name: file.get_tensor(name) for name in file.keys() if not name.endswith(".v")}  # noqa: SIM118
    assert meta["format"] == files.FORMAT == 2
    meta["format"] = 1
    for told in meta["source"]["layers"].values():
        del told["halves"], told["positions"]
    old = tmp_path / "old.safetensors"
    save_file(tensors, old, metadata={files.KEY: json.dumps(meta)})
    earlier = AttentionRecord.load(old)
    assert (earlier.weights(1, 2) == record.weights(1, 2)).all()
    for ask in (earlier.value, earlier.z):
        with pytest.raises(TypeError, match=r"holds no values.*Record the text again\.$"):
            ask(1)


def test_an_older_reader_refuses_the_new_format_in_words(tmp_path: Any, monkeypatch: Any) -> None:
    with GPT(make("llama")) as gpt:
        path = gpt.record(ids(), progress=False).save(tmp_path / "a.safetensors")
    monkeypatch.setattr(files, "FORMAT", 1)
    with pytest.raises(files.FileError, match="written by a newer gptwidgets: pip install --upgrade"):
        AttentionRecord.load(path)


def test_weights_alone_have_no_values() -> None:
    record = AttentionRecord.from_arrays([[1.0, 0.0], [0.25, 0.75]])
    with pytest.raises(TypeError, match="no queries, keys or values"):
        record.value(0)


POSITIONS = {
    "gpt2": ["learned"] * 3,
    "opt": ["learned"] * 3,
    "llama": ["rotated"] * 3,
    "gpt_neox": ["partly rotated"] * 3,
    "stablelm": ["partly rotated"] * 3,
    "deepseek_v3": ["partly rotated"] * 3,
    "smollm3": ["rotated", "none", "rotated"],
    "cohere2": ["rotated", "none", "rotated"],
    "gemma2": ["rotated"] * 3,
}


@pytest.mark.parametrize("name", POSITIONS)
def test_positions_are_named_for_what_they_are(name: str) -> None:
    with GPT(make(name)) as gpt:
        source = gpt.record(ids(), progress=False).source
    assert isinstance(source, QKSource)
    assert [layer.positions for layer in source.qk.values()] == POSITIONS[name]
