"""What is known of a listing besides, made up from its row."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class SimpleFit:
    weights: int
    cache: int
    recorded: int
    working: int
    total: int
    free: int
    fits: bool
    where: str
    why: str


def counted(values: Any) -> list[tuple[Any, int]]:
    return sorted(Counter(values).items(), key=lambda pair: (-pair[1], str(pair[0])))


def reviews_of(row: dict[str, Any]) -> list[dict[str, Any]]:
    if not row["reviews"]:
        return []
    words = [
        "Answers quickly on an old laptop, and admits what it does not know.",
        "Good for a first look at attention. **Not** for facts.",
        "",
        "Repeats itself after some hundred tokens; a repetition penalty helps.",
        "<img src=x onerror=alert(1)> I like it.",
    ]
    stars = [5, 4, 5, 3, 4]
    return [
        {
            "id": row["reviews"] * 10 + at,
            "person": ("bea", "chen", "dora", "emil", "mallory")[at],
            "stars": stars[at],
            "words": words[at],
            "changed_at": pd.Timestamp("2026-11-01T12:00:00Z") - pd.Timedelta(days=at),
        }
        for at in range(min(5, row["reviews"]))
    ]


def checks_of(*, passed: bool) -> list[dict[str, Any]]:
    names = {
        "files": "Only safetensors, JSON and text.",
        "hashes": "All 6 files are what the manifest says.",
        "licence": "Apache-2.0 is known.",
        "card": "The card says use, data and limits."
        if passed
        else "The card says nothing of its limits: add a section “Limits”.",
        "loads offline": "Loads on the CPU without a network.",
        "generates": "Writes 16 tokens.",
    }
    at = pd.Timestamp("2026-11-20T12:00:00Z")
    return [
        {"name": name, "passed": passed or name != "card", "reason": reason, "ran_at": at}
        for name, reason in names.items()
    ]


def measurements_of(row: dict[str, Any]) -> list[dict[str, Any]]:
    if row["tokens_per_second"] is None:
        return []
    names = ("tokens_per_second", "first_token_s", "peak_bytes", "bits_per_byte")
    where = {"device": "cpu", "dtype": "float32", "torch": "2.9.0", "transformers": "5.20.1"}
    at = pd.Timestamp("2026-11-21T12:00:00Z")
    return [
        {**{name: row[name] for name in names}, **where, "machine": "here", "person": "ada", "made_at": at}
    ]
