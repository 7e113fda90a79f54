"""Type for pictures that Python draws: what fits, what a font can draw, and what stands for the rest.

Pillow's own font has little more than ASCII. Where the machine has one of the common fonts, it serves for
other scripts; where none has a character, its number stands for it, never an empty box.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont, features

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont | ImageFont.TransposedFont

COMMON = (
    "LiberationSans-Regular.ttf", "Arial.ttf", "arial.ttf", "Helvetica.ttc", "DejaVuSans.ttf",
    "NotoSans-Regular.ttf", "segoeui.ttf", "seguisym.ttf", "Apple Symbols.ttf", "NotoSansCJK-Regular.ttc",
    "NotoSansMonoCJK-VF.ttf.ttc", "msyh.ttc", "YuGothM.ttc", "malgun.ttf", "Hiragino Sans GB.ttc",
    "Arial Unicode.ttf", "wqy-zenhei.ttc", "NotoSansSymbols2-Regular.ttf", "Nirmala.ttf",
)  # fmt: skip
PLAIN = {
    "⏎": "\\n", "⇥": "\\t", "⟨": "<", "⟩": ">", "·": "_", "…": "...", "×": "x", "≤": "<=", "−": "-", "–": "-",
    "◌": "",
}  # fmt: skip
_ABSENT = "\U0010fffe"  # no font has it: what is drawn for it is the empty box


@cache
def available() -> tuple[str, ...]:
    """The common fonts that this machine has; "" is Pillow's own, which comes last."""
    found: list[str] = []
    for name in COMMON:
        try:
            ImageFont.truetype(name, 10)
        except (OSError, ValueError):
            continue
        found.append(name)
    return (*found, "")


@lru_cache(maxsize=64)
def load(name: str, size: float) -> Font:
    """A font at a size in pixels; "" is Pillow's own."""
    return ImageFont.truetype(name, size) if name else ImageFont.load_default(size)


@lru_cache(maxsize=65536)
def has(name: str, char: str) -> bool:
    """Whether a font can draw a character by itself, as it should be read."""
    if char == " ":
        return True
    if unicodedata.bidirectional(char) in {"R", "AL"} and not features.check("raqm"):
        return False  # without it, right-to-left letters would come out in the wrong order
    return _shape(name, char) not in {_shape(name, ""), _shape(name, _ABSENT)}


@lru_cache(maxsize=65536)
def _shape(name: str, text: str) -> bytes:
    image = Image.new("L", (32, 32))
    ImageDraw.Draw(image).text((6, 6), text, font=load(name, 16), fill=255)
    return image.tobytes()


@lru_cache(maxsize=16384)
def runs(text: str) -> tuple[tuple[str, str], ...]:
    """A text as (font, piece) pairs, each character in the first font that has it.

    Characters that no font has become U+65E5.
    """
    pieces: list[tuple[str, str]] = []
    for char in text:
        name = _home(char)
        piece = char if name is not None else _spelt(char)
        if pieces and (name is None or char == " " or name == pieces[-1][0]):
            pieces[-1] = (pieces[-1][0], pieces[-1][1] + piece)
        else:
            pieces.append((available()[-1] if name is None else name, piece))
    return tuple(pieces)


def _home(char: str) -> str | None:
    """The first font that has a character."""
    return next((name for name in available() if has(name, char)), None)


def _spelt(char: str) -> str:
    """What stands for a character that no font has."""
    if 0x2400 <= ord(char) < 0x2421:  # pictures of control characters
        return f"^{chr(ord(char) - 0x2400 + 64)}"
    return PLAIN.get(char, "" if unicodedata.combining(char) else f"U+{ord(char):04X}")


def lacking(text: str) -> int:
    """How many characters of a text no font has and nothing plain stands for."""
    return sum(_home(char) is None and _spelt(char).startswith("U+") for char in text)


def width(text: str, size: float, *, live: bool = False) -> float:
    """Width of a text in pixels.

    Args:
        text: one line.
        size: of the type, in pixels.
        live: whether the reader's own program will set it, which has more fonts than this machine.
    """
    if not live:
        return sum(load(name, size).getlength(piece) for name, piece in runs(text))
    here = "".join(char for char in text if _home(char) is not None)
    return width(here, size) + sum(_guess(char) for char in text if _home(char) is None) * size


def _guess(char: str) -> float:
    """Width of a character that no font here has, in ems."""
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 1 if unicodedata.east_asian_width(char) in {"W", "F"} else 0.7


def fit(text: str, size: float, most: float, *, live: bool = False) -> str:
    """A text that is at most so wide: cut with "…" where it has to be.

    Example:
        >>> fit("internationalisation", 12, 60).endswith("…")
        True
    """
    if width(text, size, live=live) <= most:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = width(text[:middle] + "…", size, live=live) <= most
        low, high = (middle, high) if fits else (low, middle - 1)
    return text[:low].rstrip() + "…"


def wrap(text: str, size: float, most: float, *, live: bool = False) -> list[str]:
    """A text in lines that are at most so wide, broken at spaces."""
    lines: list[str] = []
    for word in text.split():
        if lines and width(f"{lines[-1]} {word}", size, live=live) <= most:
            lines[-1] += f" {word}"
        else:
            lines.append(fit(word, size, most, live=live))
    return lines
