"""A store that keeps to the real one's methods and obeys the test: its jobs go on and wait when told to.

Twenty-six listings, described by plausible facts; nothing is read from a disk or from a network.
"""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pandas as pd

from gptwidgets.errors import GPTWidgetsError, StoreError, UnknownModelError
from gptwidgets.store.terms import terms
from tests.widgets.store.facts import SimpleFit, checks_of, counted, measurements_of, reviews_of
from tests.widgets.store.job import FakeJob
from tests.widgets.store.listings import CARD, LISTINGS
from tests.widgets.store.speaking import Speaking

FREE = 3_200_000_000  # bytes of memory that this machine has free
ORDER = {"parameters": True, "memory": False, "context": True, "bits_per_byte": False, "first_token": False}
# What a search knows of a listing besides: it is of this machine.
SEARCHED = {"installed", "tokens_per_second", "first_token_s", "peak_bytes", "bits_per_byte", "measured_on"}
# What the Hub has.
HUB: dict[str, Any] = {
    **dict.fromkeys(LISTINGS[0]),
    "name": "us/tiny",
    "title": "tiny",
    "publisher": "us",
    "summary": "A model of the Hub.",
    "licence": "MIT",
    "use_cases": [],
    "languages": [],
    "weight_bytes": 1_000_000,
    "memory_bytes": 1_200_000,
    "parameters": 250_000,
    "context_length": 512,
    "reviews": 0,
    "installed": False,
    "status": "published",
    "origin": "hub",
    "gated": False,
}
COLUMN = {
    "memory": "memory_bytes",
    "context": "context_length",
    "first_token": "first_token_s",
    "stars": "stars_bound",
    "relevance": "stars_bound",
}


class LicenceError(GPTWidgetsError, PermissionError):
    """The licence was not accepted."""


class FakeStore(Speaking):
    """See above.

    Attributes:
        gated: whether jobs wait for the test; else they end within a moment, in steps.
        gate: where it is set, a search waits for it.
        hub: the same for a search of the Hub alone.
        away: why the Hub cannot be searched.
        asked: the keywords of each search.
        fail: a method's name → what it raises.
    """

    notes: tuple[str, ...] = ()
    user = "ada"

    def __init__(self, *, gated: bool = False, notes: tuple[str, ...] = ()) -> None:
        self.gated, self.notes = gated, notes
        self.gate: threading.Event | None = None
        self.hub: threading.Event | None = None
        self.away = ""
        self.asked: list[dict[str, Any]] = []
        self.threads: list[str] = []
        self.fail: dict[str, BaseException] = {}
        self.rows = {row["name"]: dict(row) for row in LISTINGS}
        self.reviews_: dict[str, list[dict[str, Any]]] = {
            name: reviews_of(row) for name, row in self.rows.items()
        }
        self.checks_: dict[str, list[dict[str, Any]]] = {}
        self.cards: dict[str, str] = {}
        self.jobs: list[FakeJob] = []
        self.reported: list[dict[str, Any]] = []
        self.closed = False
        self.files = "right"  # what a look at files finds

    def close(self) -> None:
        self.closed = True

    def _may(self, what: str) -> None:
        if what in self.fail:
            raise self.fail[what]

    def _row(self, name: str) -> dict[str, Any]:
        if name == HUB["name"]:
            self.reviews_.setdefault(name, [])
            return self.rows.setdefault(name, {**HUB, "status": "of the Hub"})
        if name not in self.rows:
            raise UnknownModelError(f"There is no model named '{name}'; did you mean 'gpt2'?")
        return self.rows[name]

    # Looking

    def search(
        self,
        words: str = "",
        *,
        source: str | None = None,
        use_case: str | None = None,
        language: str | None = None,
        licence: str | None = None,
        publisher: str | None = None,
        max_memory: int | None = None,
        installed: bool | None = None,
        fits: bool | None = None,
        sort: str = "relevance",
        descending: bool | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> pd.DataFrame:
        self.asked.append(
            {"words": words, "source": source, "use_case": use_case, "sort": sort, "limit": limit}
        )
        self.threads.append(threading.current_thread().name)
        if self.gate is not None:
            self.gate.wait(20)
        if source == "hub" and self.hub is not None:
            self.hub.wait(20)
        self._may("search")
        corrected = "small" if words == "smal" else None
        terms = (corrected or words).lower().split()
        found = [row for row in self.rows.values() if row["status"] == "published"]
        if source == "hub":
            found = [] if self.away else [HUB]
        found = [
            row
            for row in found
            if all(
                term in f"{row['name']} {row['title']} {row['summary']} {row['publisher']}".lower()
                for term in terms
            )
        ]
        kept = [
            row
            for row in found
            if (use_case is None or use_case in row["use_cases"])
            and (language is None or language in row["languages"])
            and (licence is None or licence == row["licence"])
            and (publisher is None or publisher == row["publisher"])
            and (max_memory is None or (row["memory_bytes"] or 1e18) <= max_memory)
            and (installed is None or installed == row["installed"])
            and (fits is None or fits == (row["memory_bytes"] <= FREE))
        ]
        column = COLUMN.get(sort, "measured_on" if sort == "newest" else sort)
        down = ORDER.get(sort, sort != "name") if descending is None else descending
        there = [row for row in kept if row[column] is not None]
        there.sort(key=lambda row: row[column], reverse=down)
        ordered = [*there, *(row for row in kept if row[column] is None)]
        frame = pd.DataFrame(ordered[offset : offset + limit], columns=list(LISTINGS[0]))
        frame.attrs = {
            "total": len(kept),
            "capped": False,
            "corrected": corrected,
            "missing": (self.away,) if source == "hub" and self.away else (),
            "facets": {
                "use_case": counted(use for row in found for use in row["use_cases"]),
                "language": counted(one for row in found for one in row["languages"]),
                "licence": counted(row["licence"] for row in found),
                "publisher": counted(row["publisher"] for row in found),
                "installed": counted(row["installed"] for row in found),
            },
        }
        return frame

    def show(self, name: str) -> dict[str, Any]:
        self._may("show")
        row = self._row(name)
        card = self.cards.get(name, CARD.format(title=row["title"], summary=row["summary"]))
        known = {key: value for key, value in row.items() if key not in SEARCHED}
        listing = {
            **known,
            "card": card,
            "terms": vars(terms(row["licence"], {"kind": "hub", "repository": name}, gated=row["gated"])),
        }
        version = {
            "id": 1,
            "revision": "a1b2c3d4e5f6",
            "status": row["status"],
            "words": None,
            "made_by": row["publisher"],
            "made_at": pd.Timestamp("2026-10-01T12:00:00Z"),
            "dtype": "bfloat16",
            "weight_bytes": row["weight_bytes"],
            "source": {"kind": "hub", "repository": f"{row['publisher']}/{row['title']}".replace(" ", "-")},
            "files": [{"path": "model.safetensors", "bytes": row["weight_bytes"], "sha256": "ab" * 32}],
        }
        return {
            "listing": listing,
            "versions": pd.DataFrame([version]),
            "checks": pd.DataFrame(self.checks_.get(name, checks_of(passed=True))),
            "reviews": pd.DataFrame(self.reviews_[name]),
            "measurements": pd.DataFrame(measurements_of(row)),
        }

    def fit(self, name: str, *, context: int | None = None, batch: int = 1, **_: Any) -> Any:
        self._may("fit")
        row = self._row(name)
        if row["weight_bytes"] is None:
            raise StoreError("Its size is not known before it is installed.")
        length = context or min(1024, row["context_length"])
        if length > row["context_length"]:
            raise ValueError(
                f"{row['title']} reads at most {row['context_length']:,} tokens, not {length:,}."
            )
        cache = int(row["weight_bytes"] ** 0.5 * length * batch * 1.4)
        recorded = int(length * length * 4 * 9)
        working = 64_000_000 + length * 40_000 * batch
        total = row["weight_bytes"] + cache + recorded + working
        free = FREE
        fits = total <= free
        verdict = "fits on the CPU" if fits else "does not fit on the CPU"
        why = (
            f"{row['title']} {verdict}: it needs about {total / 1e9:.1f} GB, and {free / 1e9:.1f} GB is free."
        )
        return SimpleFit(row["weight_bytes"], cache, recorded, working, total, free, fits, "cpu", why)

    def compare(self, names: list[str]) -> Any:
        self._may("compare")
        columns = [
            "name",
            "title",
            "parameters",
            "memory_bytes",
            "context_length",
            "licence",
            "stars",
            "reviews",
        ]
        columns += ["tokens_per_second", "first_token_s", "peak_bytes", "bits_per_byte"]
        table = pd.DataFrame([{name: self._row(one)[name] for name in columns} for one in names])
        return SimpleNamespace(table=table, figure=None)

    # Jobs

    def _job(self, kind: str, name: str, total: float, unit: str, finish: Any) -> FakeJob:
        job = FakeJob(len(self.jobs) + 1, kind, name, total, unit, finish)
        job.position = sum(other.kind == kind and not other.ended.is_set() for other in self.jobs)
        self.jobs.append(job)
        if not self.gated:
            threading.Thread(target=self._go, args=(job,), daemon=True).start()
        return job

    def _go(self, job: FakeJob) -> None:
        for at in range(1, 10):
            if job.ended.wait(0.02):
                return
            job.step(at / 10)
        job.end()

    def install(self, name: str, *, accept_licence: bool = False, revision: str | None = None) -> FakeJob:
        self._may("install")
        row = self._row(name)
        if row["gated"] and not accept_licence:
            raise LicenceError(f"{row['title']} wants its licence, {row['licence']}, accepted before.")

        def finish() -> str:
            row["installed"] = True
            return f"/models/{name}"

        return self._job("install", name, row["weight_bytes"] or 1e8, "bytes", finish)

    def measure(self, name: str, *, device: str = "auto", dtype: str = "auto") -> FakeJob:
        self._may("measure")
        row = self._row(name)

        def finish() -> dict[str, Any]:
            row.update(tokens_per_second=31.4, first_token_s=0.21, peak_bytes=900_000_000)
            row.update(bits_per_byte=1.07, measured_on="2026-11-22")
            return {"tokens_per_second": 31.4}

        return self._job("measure", name, 5, "steps", finish)

    def repair(self, name: str) -> FakeJob:
        return self._job("install", name, 1e8, "bytes", lambda: name)

    def verify(self, name: str) -> pd.DataFrame:
        self._row(name)
        return pd.DataFrame(
            [{"file": "model.safetensors", "state": self.files, "bytes": 1, "sha256": "ab" * 32}]
        )

    def disk(self) -> pd.DataFrame:
        return pd.DataFrame(
            [{"name": name, "bytes": 1} for name, row in self.rows.items() if row["installed"]]
        )

    def remove(self, name: str) -> None:
        self._may("remove")
        self._row(name)["installed"] = False

    def load(self, name: str, *, progress: Any = None, cancel: Any = None, **_: Any) -> Any:
        self._may("load")
        self._row(name)["installed"] = True
        return SimpleNamespace(name=name, closed=False)
