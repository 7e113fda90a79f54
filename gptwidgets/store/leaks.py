"""Secrets that somebody has left in a file by mistake: their kinds, never themselves."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

SMALL = 5_000_000  # bytes; a larger file is a vocabulary, and its words in a row look like anything
_READ = 1 << 24  # bytes at a time
_OVERLAP = 1_000  # of two readings: no key is longer

# Keys that are known by how they look.
_KEYS = {
    "a Hugging Face token": re.compile(rb"\b(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    "an API key": re.compile(rb"\bsk-(?:proj-|ant-|or-)?[A-Za-z0-9_-]{32,}"),
    "an AWS key": re.compile(rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a GitHub token": re.compile(rb"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})"),
    "a GitLab token": re.compile(rb"\bglpat-[A-Za-z0-9_-]{20,}"),
    "a Google key": re.compile(rb"\bAIza[A-Za-z0-9_-]{35}"),
    "a Slack token": re.compile(rb"\bxox[abeoprs]-[A-Za-z0-9-]{20,}"),
    "a private key": re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
}
# Words behind a name that says what they are: "password": "…", and PASSWORD=… as in a file of variables.
_NAMED = rb"(?:password|passwd|secret|api_?key|access_?key|auth_?token)"
_PASSWORD = re.compile(
    rb"[\"']?\b[\w-]{0,40}" + _NAMED + rb"[\"']?\s{0,9}[:=]\s{0,9}[\"'][^\"'\s<>{}$]{6,}[\"']"
    rb"|^[ \t]{0,40}(?:export[ \t])?\w{0,40}" + _NAMED + rb"[ \t]?[=:][ \t]?[^\"'\s<>{}$(]{8,}[ \t]*\r?$",
    re.IGNORECASE | re.MULTILINE,
)


def kinds(path: Path) -> Iterator[str]:
    """The kinds of secrets that a file seems to hold, in words.

    Args:
        path: of any file; of safetensors the header is looked at, which may hold notes.

    Example:
        >>> list(kinds(Path("config.json")))                                    # doctest: +SKIP
        ['a Hugging Face token']
    """
    found: set[str] = set()
    end = _header_end(path) if path.suffix.lower() == ".safetensors" else path.stat().st_size
    with path.open("rb") as file:
        last = b""
        while file.tell() < end and (block := file.read(min(_READ, end - file.tell()))):
            text = last + block
            found |= {kind for kind, pattern in _KEYS.items() if kind not in found and pattern.search(text)}
            if end <= SMALL and _PASSWORD.search(text):
                found.add("a password")
            last = block[-_OVERLAP:]
    yield from sorted(found)


def _header_end(path: Path) -> int:
    with path.open("rb") as file:
        first = file.read(8)
    size = path.stat().st_size
    return min(size, 8 + struct.unpack("<Q", first)[0], 100_000_000) if len(first) == 8 else size
