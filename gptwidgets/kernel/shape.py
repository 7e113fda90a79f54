"""The numbers that describe a GPT, read from a configuration whatever its architecture calls them.

A configuration is transformers' own object, or the plain dictionary that a config.json holds: what a model
would need can then be said without torch and without transformers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

    Config: TypeAlias = PretrainedConfig | Mapping[str, Any]

# Every how many layers one looks all the way back, where a config.json leaves that to its architecture.
_FULL_EVERY = {"gemma2": 2, "gpt_oss": 2, "cohere2": 4, "gemma3": 6, "gemma3_text": 6}


@dataclass(frozen=True)
class Shape:
    """How large a GPT is.

    Attributes:
        n_layers: L.
        n_heads: H, query heads a layer.
        n_kv_heads: Hkv, heads of keys and values a layer.
        head_size: d, of queries and keys.
        width: the residual stream.
        inner: the feed-forward layer.
        vocabulary: rows of the embedding.
        context: tokens it was trained to read at once, or None.
        windows: for each layer how far it looks back, or None for all the way.
        value_size: d of the values, where it is another one; else 0.
        experts: how many experts each token goes through; 0 where there are none.
        expert_inner: an expert's feed-forward layer.
    """

    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_size: int
    width: int
    inner: int
    vocabulary: int
    context: int | None
    windows: tuple[int | None, ...]
    value_size: int = 0
    experts: int = 0
    expert_inner: int = 0

    @classmethod
    def of(cls, config: Config) -> Shape:
        """Reads a configuration; of one with several parts, its text part.

        What a dictionary leaves out is 0: a config.json may leave to its architecture what is usual there.

        Example:
            >>> Shape.of({"model_type": "gpt2", "n_layer": 12, "n_head": 12, "n_embd": 768}).head_size
            64
        """
        config = text_part(config)
        n_layers = _number(config, "num_hidden_layers", "n_layer", "num_layers", "n_layers")
        n_heads = _number(config, "num_attention_heads", "n_head", "num_heads", "n_heads")
        width = _number(config, "hidden_size", "n_embd", "d_model", "n_embed")
        grouped = get(config, "new_decoder_architecture", default=False)  # falcon's word for it
        shared = get(config, "multi_query", default=False) and not grouped
        n_kv_heads = 1 if shared else _number(config, "num_key_value_heads", "num_kv_heads") or n_heads
        head_size = _number(config, "head_dim") or width // max(1, n_heads)
        # Multi-head latent attention (DeepSeek): keys of two parts, and as many of them as queries.
        parts = _number(config, "qk_nope_head_dim"), _number(config, "qk_rope_head_dim")
        if all(parts):
            n_kv_heads, head_size = n_heads, sum(parts)
        experts = _number(config, "num_experts_per_tok", "num_experts_per_token", "moe_top_k")
        inner = (
            _number(config, "intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "inner_dim")
            or 4 * width
        )
        return cls(
            n_layers=n_layers,
            n_heads=n_heads,
            n_kv_heads=n_kv_heads,
            head_size=head_size,
            width=width,
            inner=inner,
            vocabulary=_number(config, "vocab_size"),
            context=_number(
                config, "max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx"
            )
            or None,
            windows=_windows(config, n_layers),
            value_size=_number(config, "v_head_dim") if all(parts) else 0,
            experts=experts,
            expert_inner=_number(config, "moe_intermediate_size") or inner if experts else 0,
        )

    @property
    def complete(self) -> bool:
        """Whether all numbers are there that memory is reckoned from."""
        return min(self.n_layers, self.n_heads, self.width, self.vocabulary) > 0


def vocabulary_size(model: PreTrainedModel) -> int:
    """How many rows the embedding has: every id is below."""
    rows: Any = model.get_input_embeddings().weight
    return int(rows.shape[0])


def get(config: Any, name: str, default: Any = None) -> Any:
    """An entry of a configuration of either kind."""
    return config.get(name, default) if isinstance(config, Mapping) else getattr(config, name, default)


def text_part(config: Any) -> Any:
    """The part of a configuration that describes the text model; usually all of it."""
    if not isinstance(config, Mapping):
        return config.get_text_config()
    inner = config.get("text_config")
    return inner if isinstance(inner, Mapping) else config


def _windows(config: Any, n_layers: int) -> tuple[int | None, ...]:
    """How far each layer looks back."""
    window = _number(config, "sliding_window") or None
    kind: str = get(config, "model_type") or ""
    qwen = isinstance(config, Mapping) and kind.startswith("qwen")  # says no by being silent
    if window is None or not get(config, "use_sliding_window", default=not qwen):
        return (None,) * n_layers
    kinds = get(config, "layer_types")
    if isinstance(kinds, list | tuple) and len(kinds) == n_layers:
        return tuple(window if kind == "sliding_attention" else None for kind in kinds)
    if qwen:
        first = get(config, "max_window_layers", default=0)
        return tuple(window if layer >= first else None for layer in range(n_layers))
    every = _number(config, "sliding_window_pattern", "_sliding_window_pattern") or _FULL_EVERY.get(kind)
    return tuple(None if every and (layer + 1) % every == 0 else window for layer in range(n_layers))


def _number(config: Any, *names: str) -> int:
    """The first of these entries that is a positive number, or 0; of a list (one a layer) the largest."""
    for name in names:
        value = get(config, name)
        if isinstance(value, list) and value and all(isinstance(item, int) for item in value):
            value = max(value)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return 0
