"""How a model knows where a token stands, as far as its modules tell."""

from __future__ import annotations

import weakref
from typing import Any

from torch import nn

_TABLES = {"wpe", "embed_positions", "position_embeddings", "positions_embed", "position_embedding"}
# Attention that rotates queries and keys in its sliding layers only.
_ROTATES_IN_WINDOWS = {"cohere2", "cohere2_moe", "exaone4", "flint"}

SAID = {
    "rotated": "Positions: query and key are rotated by how far along they stand (RoPE); these numbers are "
    "already rotated, and their dot product depends on the distance alone.",
    "partly rotated": "Positions: some dimensions of query and key are rotated by how far along they stand "
    "(RoPE), the others are not; these numbers are already rotated.",
    "learned": "Positions: a learned vector for each position was added to the words' embeddings, so it is "
    "in this query and key already.",
    "bias": "Positions: a number that depends on the distance is added to the logits.",
    "none": "Positions: this layer has none of its own (NoPE); what it knows of the order came from other "
    "layers and from the mask.",
}


# Looked at once a model: it has hundreds of modules, and a short text is recorded in a moment.
_known: weakref.WeakKeyDictionary[nn.Module, dict[int, str]] = weakref.WeakKeyDictionary()


def of(model: Any) -> dict[int, str]:
    """A key of SAID for each layer; layers of which that is not known are left out."""
    found = _known.get(model)
    if found is None:
        found = _known[model] = _find(model)
    return found


def _find(model: Any) -> dict[int, str]:
    base = model.base_model
    config = base.config.get_text_config()
    rotary = any("Rotary" in type(module).__name__ for module in base.modules())
    said = "learned" if learned(model) else ""
    if rotary:
        said = "partly rotated" if _partly(config) else "rotated"
    found: dict[int, str] = {}
    for module in base.modules():
        layer = getattr(module, "layer_idx", None)
        if layer is None or "attention" not in type(module).__name__.lower():
            continue
        own = said
        if rotary and not _rotates(module, config):
            own = "none"
        if own:
            found[int(layer)] = own
    return found


def learned(model: Any) -> bool:
    """Whether the model has a table of positions that ends (gpt2, opt, gptj …)."""
    base = model.base_model
    tables = [n for n, m in base.named_modules() if isinstance(m, nn.Embedding)]
    tables += [n for n, _ in base.named_buffers()]
    return bool({n.rsplit(".", 1)[-1] for n in tables} & _TABLES)


def _rotates(module: nn.Module, config: Any) -> bool:
    """Whether this attention rotates (smollm3 and llama4 leave some layers out, cohere2 all wide ones)."""
    if config.model_type in _ROTATES_IN_WINDOWS:
        kinds = getattr(config, "layer_types", None)
        return not kinds or "sliding" in kinds[module.layer_idx] or "sliding_attention" not in kinds
    return bool(getattr(module, "use_rope", True))


def _partly(config: Any) -> bool:
    """Whether only some dimensions are rotated (gpt_neox, phi, stablelm; DeepSeek's latent attention)."""
    parameters: Any = getattr(config, "rope_parameters", None) or {}
    shares: list[Any] = [getattr(config, "partial_rotary_factor", None), getattr(config, "rotary_pct", None)]
    if isinstance(parameters, dict):
        shares.append(parameters.get("partial_rotary_factor"))  # pyright: ignore[reportUnknownMemberType]
    if getattr(config, "qk_nope_head_dim", None):
        return True
    return any(isinstance(share, float) and share < 1 for share in shares)
