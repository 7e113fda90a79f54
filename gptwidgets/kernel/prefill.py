"""Recording a text: one forward pass; above 4,096 tokens in chunks, with progress and Stop in every layer."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from gptwidgets.errors import TextError
from gptwidgets.kernel import fallback, positions
from gptwidgets.kernel.cells import one_of
from gptwidgets.kernel.pieces import Tokens
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.kernel.recorder import Recorder, recording
from gptwidgets.kernel.source import QKSource
from gptwidgets.kernel.worker import CancelToken, Progress, Report

if TYPE_CHECKING:
    from gptwidgets.kernel.attention import Attachment

CHUNK = 4096  # tokens of a forward pass


def record(
    model: Any,
    attachment: Attachment,
    ids: Sequence[int],
    *,
    layers: Sequence[int] | None = None,
    tokens: Tokens | None = None,
    name: str = "",
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> AttentionRecord:
    """Runs the model over a text once and keeps its queries, keys and values.

    Args:
        model: the transformers model.
        attachment: what `attention.attach` returned for it.
        ids: the text's token ids.
        layers: real numbers of the layers to record; None records all.
        tokens: the same text for reading.
        name: the model's name.
        progress: called in every layer.
        cancel: looked at in every layer.

    Returns:
        The record. Memory: layers · T · (heads + 2 · KV heads) · d numbers of the model's dtype.

    Raises:
        TextError: for no tokens, or more than the model's learned positions allow.
        IndexError: for a layer that does not exist.
        Cancelled: when the token was cancelled.
    """
    T = len(ids)
    if T == 0:
        raise TextError("There is no token to record; give some text.")
    chosen = _choose(layers, attachment)
    notes = [*attachment.notes, *_beyond(model, T)]
    tokens = Tokens.from_words([str(i) for i in ids]) if tokens is None else tokens
    clock = _Clock(attachment, T, CHUNK if attachment.chunked else T, progress, cancel)
    words = model.get_input_embeddings().weight  # (V, D)
    for number in ids:
        if not 0 <= number < words.shape[0]:
            raise TextError(
                f"Token {number} does not exist; this model has tokens 0 to {words.shape[0] - 1}."
            )
    with torch.no_grad(), evaluation(model):
        text = torch.tensor([list(ids)], device=words.device)  # (1, T)
        if attachment.kind == "hooks":
            return AttentionRecord(
                fallback.record(model, text, chosen, clock.layer), tokens, name=name, notes=notes
            )
        recorder = Recorder(T, chosen, clock.layer)
        with recording(recorder, lazy=clock.chunk < T):
            run(model, text, recorder, clock.chunk)
    for layer, how in positions.of(model).items():
        if layer in recorder.kept:
            recorder.kept[layer].positions = how
    clock.report(1.0)
    return AttentionRecord(QKSource(recorder.kept), tokens, name=name, notes=notes)


def run(model: Any, text: torch.Tensor, recorder: Recorder, chunk: int) -> torch.Tensor:
    """The forward pass: the whole text at once, or chunk after chunk over a cache.

    Returns:
        The last hidden state [1, T or the last chunk's tokens, D].
    """
    T, base = text.shape[1], model.base_model
    if chunk >= T:
        return base(input_ids=text, use_cache=False)[0]
    cache: Any = None
    hidden = text
    for start in range(0, T, chunk):
        recorder.start = start
        out = base(input_ids=text[:, start : start + chunk], past_key_values=cache, use_cache=True)
        hidden, cache = out[0], out.past_key_values
    return hidden


def _choose(layers: Sequence[int] | None, attachment: Attachment) -> frozenset[int] | None:
    if layers is None:
        return None
    given: Any = layers
    wanted: list[Any] = list(given) if isinstance(given, Iterable) else [given]
    if isinstance(given, str) or not isinstance(given, Iterable) or any(isinstance(n, str) for n in wanted):
        raise TypeError(f"layers is a list of layers' numbers, such as [0, 5], not {given!r}.")
    if not wanted:
        raise ValueError("layers is empty; leave it out to record all of them.")
    return frozenset(int(one_of(layer, attachment.layers, "layer", "model")) for layer in wanted)


def _beyond(model: Any, length: int) -> list[str]:
    """A note on a text that is longer than the model was trained on; TextError where that cannot be."""
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if not limit or length <= limit:
        return []
    if positions.learned(model):
        raise TextError(
            f"This text has {length:,} tokens, but this model has learned {limit:,} positions and cannot "
            f"read further; shorten the text to {limit:,} tokens."
        )
    return [f"Beyond the trained context: {length:,} tokens, trained on {limit:,}."]


@contextmanager
def evaluation(model: nn.Module) -> Generator[None]:
    """Without dropout; every module's own setting is put back afterwards."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


class _Clock:
    """Progress in tokens' worth of work, and Stop. Later chunks cost more: their queries see more keys."""

    def __init__(
        self,
        attachment: Attachment,
        length: int,
        chunk: int,
        progress: Progress | None,
        cancel: CancelToken | None,
    ) -> None:
        self.chunk = min(chunk, length)
        self._length = length
        self._layers = max(1, len(attachment.layers))
        self._flat = attachment.flat
        self._calls = 0
        self._progress, self._cancel = progress, cancel

    def layer(self, layer: int) -> None:
        del layer
        if self._cancel is not None:
            self._cancel.check()
        done_chunks, in_chunk = divmod(self._calls, self._layers)
        at, end = (min(n * self.chunk, self._length) for n in (done_chunks, done_chunks + 1))
        done = self._work(at) + (self._work(end) - self._work(at)) * in_chunk / self._layers
        self._calls += 1
        self.report(done / self._work(self._length))

    def _work(self, tokens: int) -> float:
        """Multiplications a layer: the same for every token, and a share that grows with those before it."""
        return tokens * (self._flat + tokens)

    def report(self, share: float) -> None:
        if self._progress is not None:
            self._progress(Report("recording", share * self._length, self._length, "tokens"))
