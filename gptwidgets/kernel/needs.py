"""How many bytes a model takes, from the numbers that describe it. Arithmetic alone: loads no torch.

weights   parameters · bytes
KV cache  Σ layers  2 · Hkv · d · (T and room to grow, or the window and a chunk) · bytes
recorded  Σ layers  ((H + Hkv) · d + Hkv · dv) · T · bytes     queries, keys and values
working   the widest moment of a layer while it reads, and the logits of a place

`tests/verbs/test_fitting.py` holds these against what models of several architectures allocate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gptwidgets.kernel.shape import Shape, get, text_part

TYPICAL_LENGTH = 1024  # tokens a first text may have
CHUNK = 512  # tokens of a pass over a prompt on the CPU (`forward.CHUNK`), and elsewhere
LARGE_CHUNK = 4096  # … which is also what a recording takes at once (`prefill.CHUNK`)
ROOM = 256  # tokens at least that a cache makes room for (`cache.ROOM`)
ROWS = 256  # query rows that the exact attention takes at a time (`attention.ROWS`)

# Resident memory of a process, measured on Linux: Python with torch and transformers imported; then what
# opening a first model imports and the allocator keeps, and its tokenizer, by its vocabulary.
LIBRARIES = 262_000_000
OPENING = 140_000_000
TOKENIZER = 800  # bytes an entry

# Feed-forward layers without a gate, and activations that are written as Python and hold four temporaries.
_PLAIN = {
    "biogpt", "bloom", "codegen", "falcon", "gpt2", "gpt_bigcode", "gpt_neo", "gpt_neox", "gptj", "mpt",
    "opt", "persimmon", "phi", "starcoder2", "xglm",
}  # fmt: skip
_PYTHON = {"gelu_new", "gelu_fast", "gelu_accurate", "quick_gelu", "laplace", "relu2"}
_NEW_BY_DEFAULT = {"gpt2", "gpt_neo", "gptj", "phi", "codegen", "bloom"}


@dataclass(frozen=True)
class Needs:
    """Bytes, by what they are needed for."""

    weights: int
    cache: int
    recorded: int
    working: int

    @property
    def total(self) -> int:
        """All together."""
        return self.weights + self.cache + self.recorded + self.working


@dataclass(frozen=True)
class Habits:
    """How an architecture computes, as far as it decides how much memory that takes.

    Attributes:
        inner: how many tensors as wide as the feed-forward layer there are at one moment.
        expert: the same of an expert's.
        scores: how many copies of a block of attention logits, all but one in float32; 0 where fused
            attention makes none.
        values: how many values of a token a record keeps side by side.
    """

    inner: int = 3
    expert: int = 4
    scores: int = 0
    values: int = 1

    @classmethod
    def of(cls, config: Any) -> Habits:
        """Reads a configuration.

        Example:
            >>> Habits.of({"model_type": "gpt2"}).inner
            4
        """
        config = text_part(config)
        kind: str = get(config, "model_type") or ""
        activation = get(config, "hidden_act") or get(config, "activation_function")
        if activation is None and kind in _NEW_BY_DEFAULT:
            activation = "gelu_new"
        capped = get(config, "attn_logit_softcapping", default=50.0 if kind == "gemma2" else None)
        return cls(
            inner=4 if activation in _PYTHON else 2 if kind in _PLAIN else 3,
            expert=9 if kind == "gpt_oss" else 4,
            # soft caps and sinks are beyond fused attention: the formula itself runs, by rows
            scores=4 if capped or kind == "gpt_oss" else 0,
            values=2 if kind == "diffllama" else 1,  # of halves of the heads, to each of which it attends
        )


def reckon(
    shape: Shape,
    habits: Habits,
    *,
    parameters: int,
    itemsize: int,
    tokens: int | None = None,
    batch: int = 1,
    cache: bool = False,
    record: bool = True,
    chunk: int = CHUNK,
) -> Needs:
    """What a model needs to have a text's attention recorded, and to write.

    Args:
        shape: the model's.
        habits: its architecture's.
        parameters: how many numbers it has.
        itemsize: bytes of a number.
        tokens: T, the text's length, with what is written; by default 1,024, or less where the context is
            shorter.
        batch: how many sequences are written at once; recorded is one.
        cache: whether it writes, and so keeps a KV cache.
        record: whether the text's attention is recorded.
        chunk: tokens of a pass over a prompt.

    Returns:
        Bytes, without those of the process itself (`process`).

    Example:
        >>> llama = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64, "vocab_size": 100}
        >>> reckon(Shape.of(llama), Habits(), parameters=1000, itemsize=4, tokens=10).recorded
        15360
    """
    T = tokens or min(TYPICAL_LENGTH, shape.context or TYPICAL_LENGTH)
    d, dv = shape.head_size, shape.value_size or shape.head_size
    a_token = shape.n_kv_heads * (d + dv) * itemsize  # its keys and values in a layer
    a_record = shape.n_heads * d + shape.n_kv_heads * (
        d + habits.values * dv
    )  # numbers of a token in a layer
    kept = batch * a_token * _held(shape, T, chunk, batch) if cache else 0
    moments = [0]
    if record:
        moments += _recording(shape, habits, T, itemsize)
    if cache:
        first = a_token * _held(shape, T, chunk, 1)  # the prompt is read once, and then copied for each
        moments += [
            _reading(shape, habits, t, n, itemsize, masked=t < n) + first - kept for t, n in _passes(T, chunk)
        ]
    if cache and batch > 1:  # a layer's keys and values stand there twice while they grow
        moments.append(batch * T * a_token)
        moments.append(batch * _reading(shape, habits, 1, T, itemsize))
    return Needs(
        weights=parameters * itemsize,
        cache=kept,
        recorded=shape.n_layers * T * itemsize * a_record if record else 0,
        working=max(moments) + (batch if cache else 1) * shape.vocabulary * 4 * 6,
    )


def process(shape: Shape) -> int:
    """Resident memory that a process takes besides: the libraries, and the tokenizer."""
    return LIBRARIES + opening(shape)


def opening(shape: Shape) -> int:
    """The part of `process` that is still to come where the libraries are here."""
    return OPENING + TOKENIZER * shape.vocabulary


def typical(parameters: int) -> Shape:
    """What a GPT of so many parameters is like: layers of 12 D² numbers, about as many as D / 128.

    Example:
        >>> typical(7_000_000_000).n_layers
        33
    """
    width = max(64, round((parameters * 128 / 12) ** (1 / 3) / 64) * 64)
    n_layers = max(2, round(width / 128))
    heads = width // 64
    return Shape(n_layers, heads, heads, 64, width, 4 * width, 50_000, None, windows=(None,) * n_layers)


def _held(shape: Shape, T: int, chunk: int, batch: int) -> int:
    """Tokens that the layers of a cache have room for, all together, once T were read."""
    room = 0
    for after in (*range(chunk, T, chunk), T):
        if after > room:
            room = max(after + ROOM, after + after // 2)
    if batch > 1:  # room is made anew for the copies
        room = max(T + ROOM, T + T // 2)
    # what a sliding layer keeps is a view of the last chunk with the window before it
    return sum(room if window is None else min(T, window + min(T, chunk)) for window in shape.windows)


def _recording(shape: Shape, habits: Habits, T: int, itemsize: int) -> list[int]:
    """What recording a text takes besides what it keeps: a long one goes through in chunks, over a cache."""
    if T <= LARGE_CHUNK:
        windowed = any(window is not None and window < T for window in shape.windows)
        return [_reading(shape, habits, T, T, itemsize, masked=windowed)]
    d, dv = shape.head_size, shape.value_size or shape.head_size
    a_token = shape.n_kv_heads * (d + dv) * itemsize
    (t, whole), *rest = _passes(T, LARGE_CHUNK)
    # the record's keys and values, which grow with the chunks, are the cache's; a sliding layer's are its own
    own = [sum(min(read, window) for window in shape.windows if window) for read in (whole, T)]
    missing = shape.n_layers * (T - whole)
    moments = [_reading(shape, habits, t, whole, itemsize) + a_token * (own[0] - missing)]
    return moments + [_reading(shape, habits, t, T, itemsize) + a_token * own[1] for t, _ in rest]


def _passes(T: int, chunk: int) -> list[tuple[int, int]]:
    """The widest passes over T tokens: how many are read, and how many they look at."""
    whole = T // chunk * chunk
    return [(t, n) for t, n in ((min(T, chunk), whole or T), (T - whole if whole else 0, T)) if t]


def _reading(shape: Shape, habits: Habits, t: int, n: int, itemsize: int, *, masked: bool = False) -> int:
    """The widest moment of a layer that reads t tokens, which look at n.

    All the time there are the embeddings, the layer's input and its normalised input, and the rotation of the
    positions; then either the feed-forward layer's tensors or the attention's.
    """
    D, H, Hkv, d = shape.width, shape.n_heads, shape.n_kv_heads, shape.head_size
    dv = shape.value_size or d
    always = t * (3 * D + 2 * d) * itemsize
    inner = t * (D + habits.inner * shape.inner) * itemsize
    if shape.experts:  # each token is there once an expert
        inner = t * (2 * D + shape.experts * (D + habits.expert * shape.expert_inner)) * itemsize
    attention = t * (H + Hkv) * (d + dv) * itemsize
    if all(shape.windows):
        n = min(n, t + max(window or 0 for window in shape.windows))
    if masked and not habits.scores:
        attention += t * n * (1 + itemsize)  # the mask, and as it is added
    if habits.scores:
        attention += t * n + ((habits.scores - 1) * 4 + itemsize) * H * min(ROWS, t) * n
    if habits.scores or (masked and Hkv < H):
        attention += n * H * (d + dv) * itemsize  # each query head with keys and values of its own
    return always + max(inner, attention)
