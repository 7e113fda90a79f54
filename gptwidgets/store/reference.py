"""The text on which all models are measured: the same for everybody, in the public domain (see text.md)."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from gptwidgets.errors import ChecksumError

FILE = Path(__file__).with_name("text.txt")
SHA256 = "db73856b53e1e77a410d8b5e4543ec907fda0c77c3bea6c37056dd5c6273a428"


@cache
def text() -> str:
    """The text, 11 kB of English.

    Raises:
        ChecksumError: the file is not the one that the package ships: figures could not be compared.

    Example:
        >>> text().split()[0], len(text())
        ('Alice', 11218)
    """
    found = FILE.read_text("ascii", errors="replace")  # line ends of whichever system
    if hashlib.sha256(found.encode()).hexdigest() != SHA256:
        raise ChecksumError(
            f'"{FILE}" is not the text that models are measured on; install gptwidgets again.'
        )
    return found
