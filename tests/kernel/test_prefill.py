from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from gptwidgets.errors import Cancelled, TextError
from gptwidgets.kernel import attention, prefill
from gptwidgets.kernel.worker import CancelToken, Report
from tests.kernel.tiny_models import make


@pytest.fixture(scope="module")
def llama() -> Any:
    model = make("llama")
    return model, attention.attach(model)


def test_chosen_layers_only(llama: Any) -> None:
    model, attached = llama
    record = prefill.record(model, attached, [5, 6, 7], layers=[2, 0])
    assert record.layers == (0, 2)
    assert record.nbytes < prefill.record(model, attached, [5, 6, 7]).nbytes


@pytest.mark.parametrize(
    ("layers", "error", "words"),
    [
        ([3], IndexError, "layer 3 does not exist; this model has layers 0 to 2"),
        ([-1], IndexError, "layer -1 does not exist"),
        (["mean"], TypeError, "numbers, such as"),
        ([True], TypeError, "number"),
        (1, TypeError, "numbers, such as"),
        ("all", TypeError, "numbers, such as"),
        (np.array([], int), ValueError, "empty"),
        ([], ValueError, "empty"),
    ],
)
def test_layers_that_are_none(llama: Any, layers: Any, error: type[Exception], words: str) -> None:
    model, attached = llama
    with pytest.raises(error, match=words):
        prefill.record(model, attached, [5, 6, 7], layers=layers)


def test_layers_of_an_array(llama: Any) -> None:
    model, attached = llama
    assert prefill.record(model, attached, [5, 6, 7], layers=np.array([2, 0])).layers == (0, 2)


def test_no_token_is_refused(llama: Any) -> None:
    model, attached = llama
    with pytest.raises(TextError, match="no token"):
        prefill.record(model, attached, [])


def test_an_id_that_the_model_does_not_know_is_refused(llama: Any) -> None:
    model, attached = llama
    for wrong in (97, -1):
        with pytest.raises(TextError, match=f"{wrong} .* 0 to 96"):
            prefill.record(model, attached, [5, wrong])


def test_one_token(llama: Any) -> None:
    model, attached = llama
    assert prefill.record(model, attached, [5]).weights(0, 0).tolist() == [[1.0]]


def test_progress_rises_to_the_whole_text(llama: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, attached = llama
    monkeypatch.setattr(prefill, "CHUNK", 8)
    seen: list[Report] = []
    prefill.record(model, attached, [5] * 30, progress=seen.append)
    done = [report.done for report in seen]
    assert len(seen) == 4 * 3 + 1
    assert done == sorted(done)
    assert done[0] == 0
    assert seen[-1] == Report("recording", 30.0, 30, "tokens")


def test_later_chunks_count_for_more(llama: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their queries see more keys, so an equal share of the text is a larger share of the time."""
    model, attached = llama
    monkeypatch.setattr(prefill, "CHUNK", 10)
    monkeypatch.setattr(attached, "flat", 1.0)
    seen: list[Report] = []
    prefill.record(model, attached, [5] * 30, progress=seen.append)
    first, last = seen[3].done - seen[0].done, seen[-1].done - seen[6].done
    assert last > 3 * first


def test_stop_is_heard_in_the_next_layer_and_leaves_the_model_clean(llama: Any) -> None:
    model, attached = llama
    token, layers = CancelToken(), []

    def stop(report: Report) -> None:
        layers.append(report)
        token.cancel()

    with pytest.raises(Cancelled):
        prefill.record(model, attached, [5] * 10, progress=stop, cancel=token)
    assert len(layers) == 1
    assert prefill.record(model, attached, [5] * 10).length == 10


def test_an_interrupt_leaves_the_model_clean(llama: Any) -> None:
    model, attached = llama
    before = model(torch.tensor([[5, 6, 7]])).logits

    def interrupt(_: Report) -> None:
        raise KeyboardInterrupt

    model.train()
    with pytest.raises(KeyboardInterrupt):
        prefill.record(model, attached, [5] * 10, progress=interrupt)
    assert model.training
    model.eval()
    assert torch.equal(model(torch.tensor([[5, 6, 7]])).logits, before)


def test_dropout_is_off_while_recording() -> None:
    model = make("gpt2")
    attached = attention.attach(model)
    quiet = prefill.record(model, attached, [5] * 10)["pattern", 2]
    model.train()
    assert torch.equal(prefill.record(model, attached, [5] * 10)["pattern", 2], quiet)
    assert model.training
    attached.detach()


def test_beyond_the_trained_context_with_a_note(llama: Any) -> None:
    model, attached = llama
    record = prefill.record(model, attached, [5] * 70)
    assert record.notes == ["Beyond the trained context: 70 tokens, trained on 64."]
    assert not prefill.record(model, attached, [5] * 64).notes


@pytest.mark.parametrize("name", ["gpt2", "opt"])
def test_learned_positions_end(name: str) -> None:
    model = make(name)
    attached = attention.attach(model)
    assert prefill.record(model, attached, [5] * 64).length == 64
    with pytest.raises(TextError, match=r"70 tokens.*64 positions"):
        prefill.record(model, attached, [5] * 70)
    attached.detach()


def test_memory_grows_with_the_text_and_not_with_its_square(llama: Any) -> None:
    model, attached = llama
    sizes = [prefill.record(model, attached, [5] * n).nbytes for n in (100, 200)]
    assert sizes[1] == 2 * sizes[0]


def test_a_closed_record_pins_nothing(llama: Any) -> None:
    import gc
    import weakref

    model, attached = llama
    record = prefill.record(model, attached, [5] * 50)
    q = weakref.ref(record.query(0))
    list_of_thumbs = record.scores()
    assert len(list_of_thumbs)
    record.close()
    gc.collect()
    assert q() is None
