from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel import mask
from gptwidgets.kernel.mask import Band
from gptwidgets.kernel.recorder import Recorder, active, compact, recording


def module(layer: Any) -> Any:
    return SimpleNamespace(layer_idx=layer)


def qk(t: int, n: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(1, 4, t, 8), torch.randn(1, 2, n or t, 8)


def test_a_whole_text_is_kept_without_a_copy() -> None:
    recorder = Recorder(5)
    q, k = qk(5)
    recorder.take(module(3), q, k, scale=1.0, rule=Band())
    assert recorder.kept[3].q.data_ptr() == q.data_ptr()
    assert recorder.kept[3].k.data_ptr() == k.data_ptr()


def test_a_view_of_a_larger_buffer_is_copied() -> None:
    buffer = torch.randn(5, 3, 8)
    assert compact(buffer[:, 0]).data_ptr() != buffer.data_ptr()
    assert compact(buffer.transpose(0, 1)).data_ptr() == buffer.data_ptr()


def test_keys_of_a_cache_that_forgets_are_appended() -> None:
    """A sliding layer passes the end of its cache only; the new keys are always the last ones."""
    recorder = Recorder(9)
    keys = torch.randn(1, 2, 9, 8)
    queries = torch.randn(1, 4, 9, 8)
    for start, stop, first in ((0, 4, 0), (4, 7, 2), (7, 9, 5)):
        recorder.start = start
        recorder.take(module(0), queries[:, :, start:stop], keys[:, :, first:stop], scale=1.0, rule=Band(3))
    assert torch.equal(recorder.kept[0].k, keys[0])
    assert torch.equal(recorder.kept[0].q, queries[0])


def test_keys_of_a_growing_cache_are_its_own_tensor() -> None:
    recorder = Recorder(6)
    keys = torch.randn(1, 2, 6, 8)
    for start in (0, 3):
        recorder.start = start
        recorder.take(module(0), *qk(3)[:1], keys[:, :, : start + 3], scale=1.0, rule=Band())
    assert recorder.kept[0].k.data_ptr() == keys.data_ptr()


def test_only_the_chosen_layers_but_all_are_heard() -> None:
    heard: list[int] = []
    recorder = Recorder(5, frozenset({1}), heard.append)
    for layer in range(3):
        recorder.take(module(layer), *qk(5), scale=1.0, rule=Band())
    assert list(recorder.kept) == [1]
    assert heard == [0, 1, 2]


def test_what_is_no_layer_of_the_text_is_passed_over() -> None:
    recorder = Recorder(5)
    recorder.take(SimpleNamespace(), *qk(5), scale=1.0, rule=Band())
    recorder.take(SimpleNamespace(layer_idx=0, is_cross_attention=True), *qk(5), scale=1.0, rule=Band())
    assert not recorder.kept


def test_batches_and_repeated_layers_are_refused() -> None:
    recorder = Recorder(5)
    with pytest.raises(UnsupportedModelError, match="one text at a time"):
        recorder.take(module(0), torch.randn(2, 4, 5, 8), torch.randn(2, 2, 5, 8), scale=1.0, rule=Band())
    recorder.take(module(0), *qk(5), scale=1.0, rule=Band())
    with pytest.raises(UnsupportedModelError, match="several times"):
        recorder.take(module(0), *qk(5), scale=1.0, rule=Band())


def test_keys_that_are_no_tokens_are_refused() -> None:
    """DeepSeek V4 appends compressed keys, in long texts only: a check on 32 tokens would not see them."""
    with pytest.raises(UnsupportedModelError, match="attends to keys that are no tokens"):
        Recorder(5).take(module(0), *qk(5, 7), scale=1.0, rule=Band())


def test_a_recording_ends_with_its_block() -> None:
    recorder = Recorder(5)

    def interrupted() -> None:
        with recording(recorder, lazy=True):
            assert active.get() is recorder
            assert mask.mode.get() == "lazy"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert active.get() is None
    assert mask.mode.get() is None
