"""The numbers that describe a GPT, read from a configuration whatever its architecture calls them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel


@dataclass(frozen=True)
class Shape:
    """How large a GPT is.

    Attributes:
        n_layers: L.
        n_heads: H, query heads a layer.
        n_kv_heads: Hkv, heads of keys and values a layer.
        head_size: d.
        width: the residual stream.
        inner: the feed-forward layer.
        vocabulary: rows of the embedding.
        context: tokens it was trained to read at once, or None.
        windows: for each layer how far it looks back, or None for all the way.
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

    @classmethod
    def of(cls, config: PretrainedConfig) -> Shape:
        """Reads a configuration; of one with several parts, its text part.

        Example:
            >>> from transformers import GPT2Config
            >>> Shape.of(GPT2Config()).context
            1024
        """
        config = config.get_text_config()
        n_layers, n_heads = _number(config, "num_hidden_layers"), _number(config, "num_attention_heads")
        width = _number(config, "hidden_size")
        window = _first(config, "sliding_window") if getattr(config, "use_sliding_window", True) else None
        grouped = getattr(config, "new_decoder_architecture", False)  # falcon's word for it
        shared = getattr(config, "multi_query", False) and not grouped
        kinds: Any = getattr(config, "layer_types", None) or ["sliding_attention"] * n_layers
        return cls(
            n_layers=n_layers,
            n_heads=n_heads,
            n_kv_heads=1 if shared else _first(config, "num_key_value_heads", "num_kv_heads") or n_heads,
            head_size=_first(config, "head_dim") or width // max(1, n_heads),
            width=width,
            inner=_first(config, "intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size") or 4 * width,
            vocabulary=_number(config, "vocab_size"),
            context=_first(
                config, "max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx"
            ),
            windows=tuple(window if kind == "sliding_attention" else None for kind in kinds),
        )


def vocabulary_size(model: PreTrainedModel) -> int:
    """How many rows the embedding has: every id is below."""
    rows: Any = model.get_input_embeddings().weight
    return int(rows.shape[0])


def _first(config: PretrainedConfig, *names: str) -> int | None:
    """The first of these entries that is a positive number; a list (one a layer) counts as its largest."""
    for name in names:
        value = getattr(config, name, None)
        if isinstance(value, list) and value and all(isinstance(item, int) for item in value):
            value = max(value)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _number(config: PretrainedConfig, name: str) -> int:
    return _first(config, name) or 0
