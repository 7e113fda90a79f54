"""Does recording work on this model? Asked of the model itself, on 32 tokens, when it is attached.

A model can accept our attention function and never call it, call it twice, or do something with the weights
that queries and keys do not tell. So what is recorded is compared with what eager attention says. Where they
differ the model is recorded by hooks instead, or refused in words.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel import fallback, holding, prefill
from gptwidgets.kernel.recorder import Recorder, recording
from gptwidgets.kernel.source import QKSource

if TYPE_CHECKING:
    from gptwidgets.kernel.attention import Attachment

TOKENS = 32
FIRST_CHUNK = 20
WITHOUT = {"mamba", "mamba2", "falcon_mamba", "rwkv", "xlstm"}  # no softmax attention in any layer
EXACT, ROUNDED = 1e-4, 0.1  # the largest difference of a weight, in float32 and in shorter formats


def check(model: Any, attachment: Attachment) -> None:
    """Finds out how the model can be recorded, and writes it into the attachment.

    Raises:
        UnsupportedModelError: where it cannot.
    """
    kind = model.config.get_text_config().model_type
    if kind in WITHOUT or not fallback.attention_modules(model.base_model):
        raise UnsupportedModelError(f"{kind} models have no softmax attention; there is nothing to show.")
    if getattr(model.config, "is_encoder_decoder", False):
        raise UnsupportedModelError(
            f"{kind} is an encoder with a decoder; only GPTs and encoders alone can be shown."
        )
    # another GPT may have switched heads off in this model
    with torch.no_grad(), prefill.evaluation(model), holding.within(None):
        text = _text(model)
        truth, hidden = fallback.weights(model, text)
        if not truth:
            raise UnsupportedModelError(
                f"No attention weights came out of this {kind} model; it cannot be shown."
            )
        attachment.causal = not any(bool(w.triu(1).any()) for w in truth.values())
        why = _record(model, text, truth, hidden, attachment) if model._can_set_attn_implementation() else ""
        if why is None:
            return
    attachment.kind = "hooks"
    attachment.chunked = False
    attachment.layers = tuple(sorted(truth))
    attachment.notes = [
        f"Recorded as whole matrices of weights from eager attention ({why or 'its own attention'})."
    ]


def _record(
    model: Any, text: Tensor, truth: dict[int, Tensor], hidden: Tensor, attachment: Attachment
) -> str | None:
    """Records the text at once and in chunks. Returns why that is not exact, or None where it is."""
    from gptwidgets.kernel.attention import NAME

    with fallback.implementation(model, NAME):
        try:
            recorder = Recorder(TOKENS)
            with recording(recorder):
                out = prefill.run(model, text, recorder, TOKENS)
        except Exception as error:
            return f"its attention cannot be recorded: {error}"
        if set(recorder.kept) != set(truth):
            return "not every attention layer asks the attention function"
        source = QKSource(recorder.kept)
        worst = max(_difference(source, layer, w[0]) for layer, w in truth.items())
        if not worst <= _tolerance(hidden) or not _close(out, hidden):
            return f"recorded weights differ from eager ones by {worst:.2g}"
        try:
            in_chunks = Recorder(TOKENS)
            with recording(in_chunks, lazy=True):
                out = prefill.run(model, text, in_chunks, FIRST_CHUNK)
            again = QKSource(in_chunks.kept)
            worst = max(_difference(again, layer, w[0]) for layer, w in truth.items())
            attachment.chunked = worst <= _tolerance(hidden) and _close(out, hidden[:, FIRST_CHUNK:])
        except Exception:
            attachment.chunked = False
    first = recorder.kept[source.layers[0]]
    attachment.layers = source.layers
    everything = sum(p.numel() for p in model.base_model.parameters())
    words = model.get_input_embeddings().weight.numel()
    attachment.flat = max(
        1.0, (everything - words) / len(source.layers) / (first.q.shape[0] * first.q.shape[-1])
    )
    return None


def _text(model: Any) -> Tensor:
    """Tokens that mean nothing, the same each time, [1, 32]."""
    embedding = model.get_input_embeddings().weight
    seeded = torch.Generator().manual_seed(0)
    return torch.randint(embedding.shape[0], (1, TOKENS), generator=seeded).to(embedding.device)


def _difference(source: QKSource, layer: int, truth: Tensor) -> float:
    """The largest difference of a weight. Some models report weights before their sink takes its share."""
    whole = range(TOKENS)
    ours = source.block(layer, range(source.n_heads), whole, whole)
    if ours.shape != truth.shape:
        return float("inf")
    truth = truth.float()
    worst = float((ours - truth).abs().max())
    if source.qk[layer].sinks is not None:
        shares = (w / w.sum(-1, keepdim=True).clamp_min(1e-38) for w in (ours, truth))
        worst = min(worst, float(torch.sub(*shares).abs().max()))
    return float("inf") if math.isnan(worst) else worst


def _tolerance(hidden: Tensor) -> float:
    return EXACT if hidden.dtype == torch.float32 else ROUNDED


def _close(out: Tensor, hidden: Tensor) -> bool:
    """Whether two hidden states agree, up to rounding."""
    off = (out.float() - hidden.float()).abs().mean() / hidden.float().abs().mean().clamp_min(1e-38)
    return bool(off <= (1e-3 if hidden.dtype == torch.float32 else 0.1))
