"""Searching a store of 200,000 listings, in SQLite."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.options import Options
from tests.benchmarks.timing import Sample

SYLLABLES = [
    *("ba", "ke", "li", "mo", "nu", "ra", "si", "to", "vu", "ze", "qua", "tri", "pha", "gem", "lla", "qwen"),
    *("smol", "py", "thia", "fal", "con", "ne", "o", "mi", "stral"),
]
PLAIN = [
    *("a", "fast", "small", "large", "chat", "story", "model", "for", "english", "code", "german", "base"),
    *("translation", "instruct", "tuned", "on", "the", "web", "books", "science", "medical", "legal", "math"),
    *("reasoning", "long", "context", "efficient", "open", "research", "teaching", "distilled", "french"),
]
RARE = [f"topic{letter}" for letter in "abcdefghijklmnopqrst"]  # each in about 4.5 % of the listings
ARCHITECTURES = ("llama", "gpt2", "gpt_neox", "qwen2", "mistral", "gemma2", "phi3", "olmo2", "opt", "bloom")
LICENCES = ("Apache-2.0", "MIT", "LicenseRef-llama3", "CC-BY-4.0", "CC-BY-NC-4.0", "LicenseRef-gemma")
SEARCHES = {
    "one word": {"words": "topicc"},
    "two words": {"words": "topicc medical"},
    "word and filters": {"words": "topicc", "use_case": "chat", "max_memory": 4e9},
    "word, by stars": {"words": "topicc", "sort": "stars"},
    "word, by speed": {"words": "topicc", "sort": "tokens_per_second"},
    "word, by name": {"words": "topicc", "sort": "name"},
    "a typing mistake": {"words": "tpoicc"},
    "no words": {},
}


def figures(options: Options) -> Iterator[tuple[str, Any]]:
    from gptwidgets.store.database import Database
    from gptwidgets.store.search import Search
    from gptwidgets.store.wish import Wish

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite3"
        with Database.open(f"sqlite:///{path}") as database:
            fill(database, options.size(200_000, 5_000))
            search = Search(database)
            start = time.perf_counter()
            search.find(Wish())
            yield "search.first", time.perf_counter() - start
            everything: list[float] = []
            for name, wish in SEARCHES.items():
                search.find(Wish(**wish))
                times = []
                for _ in range(options.rounds):
                    start = time.perf_counter()
                    found = search.find(Wish(**wish))
                    times.append((time.perf_counter() - start) * 1000)
                yield f"search.{name}", Sample(tuple(times))
                if found.total < 10_000 and found.corrected is None:
                    everything += times
            yield "search.all", Sample(tuple(everything))


def fill(database: Any, n: int) -> None:
    """Adds n listings, made up of syllables."""
    from sqlalchemy import insert

    from gptwidgets.store import clock, schema

    dice = random.Random(0)
    coined = ["".join(dice.choices(SYLLABLES, k=dice.randint(2, 4))) for _ in range(20_000)]
    publishers = coined[:3000]
    for start in range(0, n, 5000):
        with database.writing("fill") as connection:
            now = clock.now(connection)
            rows: dict[Any, list[dict[str, Any]]] = {
                schema.listing: [], schema.version: [], schema.listing_use: [], schema.listing_language: [],
            }  # fmt: skip
            for number in range(1000 + start, 1000 + min(n, start + 5000)):
                name = f"{dice.choice(coined)}-{dice.choice(coined)}-{number}"
                parameters = int(10 ** dice.uniform(7.5, 10.8))
                architecture = dice.choice(ARCHITECTURES)
                uses = dice.sample(schema.USE_CASES, dice.randint(1, 3))
                languages = dice.sample(("en", "de", "fr", "es", "zh", "ja"), dice.randint(1, 2))
                topic = [dice.choice(RARE)] if dice.random() < 0.9 else []
                rows[schema.listing].append({
                    "id": number, "name": name, "title": name.title(), "publisher": dice.choice(publishers),
                    "summary": " ".join([*dice.choices(PLAIN, k=10), *topic]),
                    "card": " ".join(dice.choices(PLAIN + coined[:2000], k=120)),
                    "terms": " ".join([*uses, *languages, architecture]), "licence": dice.choice(LICENCES),
                    "status": "published", "origin": "hub", "gated": False, "latest_version_id": number,
                    "architecture": architecture, "parameters": parameters,
                    "context_length": dice.choice((1024, 2048, 4096, 8192, 32768, 131072)),
                    "weight_bytes": 2 * parameters, "memory_bytes": int(2.4 * parameters),
                    "stars_bound": dice.choice((None, dice.random() * 5)), "n_reviews": 0,
                    "made_by": "bench", "made_at": now, "changed_at": now,
                })  # fmt: skip
                rows[schema.version].append({
                    "id": number, "listing_id": number, "revision": "", "source": {}, "status": "published",
                    "architecture": architecture, "made_by": "bench", "made_at": now,
                })  # fmt: skip
                rows[schema.listing_use] += [{"listing_id": number, "use_case": use} for use in uses]
                rows[schema.listing_language] += [
                    {"listing_id": number, "language": language} for language in languages
                ]
            for table, values in rows.items():
                connection.execute(insert(table), values)
