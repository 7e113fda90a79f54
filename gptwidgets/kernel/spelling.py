"""How a vocabulary spells bytes, and back.

Sources: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners" (byte-level BPE);
Kudo and Richardson 2018, "SentencePiece" (``▁`` for a space, ``<0xE4>`` for a byte).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Scheme:
    """How a vocabulary spells bytes.

    Attributes:
        part: from a token's name and id to its bytes.
        drops_first_space: whether the tokenizer itself puts a space before the text.
    """

    part: Callable[[str, int], bytes]
    drops_first_space: bool = False


def _gpt2_bytes() -> dict[str, int]:
    """GPT-2's table from a printable character to the byte it stands for (its `bytes_to_unicode`)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in set(printable)]
    return {chr(b): b for b in printable} | {chr(256 + n): b for n, b in enumerate(others)}


_BYTE_OF = _gpt2_bytes()
_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def _byte_level(name: str, _id: int) -> bytes:
    if all(char in _BYTE_OF for char in name):
        return bytes(_BYTE_OF[char] for char in name)
    return name.encode("utf-8", "replace")  # a piece that was never spelt in bytes


def _sentence_piece(name: str, _id: int) -> bytes:
    byte = _BYTE_PIECE.fullmatch(name)
    return bytes([int(byte[1], 16)]) if byte else name.replace("▁", " ").encode("utf-8", "replace")


def scheme_of(tokenizer: Any) -> Scheme:
    """Find how a tokenizer spells bytes: from its decoder where it has one, else from its vocabulary."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    decoder = getattr(backend, "decoder", None)
    if decoder is not None:
        state: dict[str, Any] = json.loads(decoder.__getstate__())
        steps: list[dict[str, Any]] = state.get("decoders") or [state]
        kinds = {step["type"]: step for step in steps}
        if "ByteLevel" in kinds:
            return Scheme(_byte_level)
        if "WordPiece" in kinds:
            return _word_piece(kinds["WordPiece"]["prefix"])
        if "BPEDecoder" in kinds:
            suffix: str = kinds["BPEDecoder"]["suffix"]
            return Scheme(lambda name, _: name.replace(suffix, " ").encode("utf-8", "replace"))
        strips = kinds.get("Strip", {}).get("start", 0) > 0
        if "Metaspace" in kinds:
            strips = kinds["Metaspace"].get("prepend_scheme") != "never"
        if kinds.keys() & {"Metaspace", "ByteFallback"} or _replaces_underline(steps):
            return Scheme(_sentence_piece, strips)
    return _by_vocabulary(tokenizer)


def _replaces_underline(steps: list[dict[str, Any]]) -> bool:
    return any(step["type"] == "Replace" and step["pattern"].get("String") == "▁" for step in steps)


def _word_piece(prefix: str) -> Scheme:
    def part(name: str, _id: int) -> bytes:
        joined = name.removeprefix(prefix) if name.startswith(prefix) else " " + name
        return joined.encode("utf-8", "replace")

    return Scheme(part, drops_first_space=True)


def _by_vocabulary(tokenizer: Any) -> Scheme:
    """The spelling of a tokenizer that is not of the tokenizers library, by marks that give it away."""
    vocabulary: dict[Any, int] = tokenizer.get_vocab() if hasattr(tokenizer, "get_vocab") else {}
    if "<0x0A>" in vocabulary or hasattr(tokenizer, "sp_model"):
        return Scheme(_sentence_piece, bool(getattr(tokenizer, "add_prefix_space", True)))
    if hasattr(tokenizer, "byte_decoder") or "Ġ" in vocabulary:
        return Scheme(_byte_level)
    if any(isinstance(name, str) and name.startswith("##") for name in vocabulary):
        return _word_piece("##")
    if any(isinstance(name, str) and name.startswith("▁") for name in vocabulary):
        return Scheme(_sentence_piece, drops_first_space=True)
    return Scheme(lambda _, i: str(tokenizer.decode([i])).encode("utf-8", "replace"))


def names(tokenizer: Any, ids: list[int]) -> list[str | bytes | None]:
    """The vocabulary's spelling of each id; None for an id it does not have."""
    size = len(tokenizer)
    added: dict[int, Any] = getattr(tokenizer, "added_tokens_decoder", None) or {}
    known = [i for i in ids if 0 <= i < size or i in added]
    try:
        found: list[Any] = tokenizer.convert_ids_to_tokens(known)
    except Exception:  # a slow tokenizer with a hole in its vocabulary: ask one by one
        found = [_name(tokenizer, i) for i in known]
    names = dict(zip(known, found, strict=True))
    return [names.get(i) for i in ids]


def _name(tokenizer: Any, token_id: int) -> Any:
    try:
        return tokenizer.convert_ids_to_tokens([token_id])[0]
    except Exception:  # whatever it raises, this id has no name
        return None
