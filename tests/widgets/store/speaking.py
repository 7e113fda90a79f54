"""The part of the stand-in store in which people speak: opinions, publishing, the review queue."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd

from gptwidgets.errors import RefusedError
from tests.widgets.store.facts import checks_of
from tests.widgets.store.job import FakeJob
from tests.widgets.store.listings import LISTINGS


class Speaking:
    """What `FakeStore` has besides; its attributes are those of it."""

    user: str
    rows: dict[str, dict[str, Any]]
    reviews_: dict[str, list[dict[str, Any]]]
    checks_: dict[str, list[dict[str, Any]]]
    cards: dict[str, str]
    reported: list[dict[str, Any]]
    _may: Any
    _row: Any
    _job: Any

    # Opinions

    def review(self, name: str, stars: int, words: str = "") -> None:
        self._may("review")
        self.unreview(name)
        mine = {"id": 900 + len(self.reviews_[name]), "person": self.user, "stars": stars, "words": words}
        self.reviews_[name].insert(0, {**mine, "changed_at": pd.Timestamp("2026-11-22T10:00:00Z")})
        self._count(name)

    def unreview(self, name: str) -> None:
        self.reviews_[name] = [one for one in self.reviews_[name] if one["person"] != self.user]
        self._count(name)

    def _count(self, name: str) -> None:
        stars = [one["stars"] for one in self.reviews_[name]]
        self.rows[name]["reviews"] = len(stars)
        self.rows[name]["stars"] = sum(stars) / len(stars) if stars else None

    def report(self, review_id: int, words: str) -> None:
        self._may("report")
        report = {"id": len(self.reported) + 1, "review_id": review_id, "person": self.user, "words": words}
        of, found = next(
            (name, one) for name, all_ in self.reviews_.items() for one in all_ if one["id"] == review_id
        )
        about = {"name": of, "author": found["person"], "stars": found["stars"], "review": found["words"]}
        self.reported.append({**report, **about, "settled": False})

    def reports(self) -> pd.DataFrame:
        return pd.DataFrame(self.reported)

    def settle(self, report_id: int, *, remove: bool = False) -> None:
        gone = {one["review_id"] for one in self.reported if one["id"] == report_id and remove}
        for name, reviews in self.reviews_.items():
            self.reviews_[name] = [one for one in reviews if one["id"] not in gone]
        self.reported = [one for one in self.reported if one["id"] != report_id]

    # Publishing

    def publish(self, what: Any, *, name: str, card: str, licence: str, **more: Any) -> Any:
        self._may("publish")
        if name in self.rows:
            raise ValueError(f"There is a model named '{name}' already; choose another name.")
        base = dict.fromkeys(LISTINGS[0])
        row = {**base, **more, "name": name, "licence": licence, "title": more.get("title") or name}
        row |= {"publisher": self.user, "summary": more.get("summary") or "", "status": "draft"}
        row |= {"languages": list(more.get("languages", ())), "use_cases": list(more.get("use_cases", ()))}
        row |= {"installed": True, "gated": False, "origin": "user", "reviews": 0, "parameters": 12_000}
        row |= {
            "weight_bytes": 48_000,
            "memory_bytes": 96_000,
            "context_length": 256,
            "architecture": "llama",
        }
        row.pop("revision", None)
        self.rows[name], self.reviews_[name], self.cards[name] = row, [], card
        return SimpleNamespace(name=name, revision="1", manifest={})

    def submit(self, name: str) -> FakeJob:
        row = self._row(name)

        def finish() -> pd.DataFrame:
            passed = "limits" in self.cards.get(name, "").lower()
            self.checks_[name] = checks_of(passed=passed)
            row["status"] = "submitted" if passed else "draft"
            return pd.DataFrame(self.checks_[name])

        return self._job("check", name, 6, "checks", finish)

    def queue(self) -> pd.DataFrame:
        self._may("queue")
        waiting = [row for row in self.rows.values() if row["status"] == "submitted"]
        columns = ["name", "title", "publisher", "summary", "licence", "parameters"]
        return pd.DataFrame([{one: row[one] for one in columns} for row in waiting], columns=columns)

    def approve(self, name: str, words: str = "", *, revision: str | None = None) -> None:
        self._may("approve")
        self.decided = (name, revision)
        self._row(name)["status"] = "published"

    def reject(self, name: str, words: str, *, revision: str | None = None) -> None:
        self.decided = (name, revision)
        if not words:
            raise ValueError("Say why it is rejected: the publisher reads it.")
        self._row(name)["status"] = "rejected"

    def withdraw(self, name: str) -> None:
        if self._row(name)["publisher"] != self.user:
            raise RefusedError("Only who published a model, or a reviewer, may withdraw it.")
        self._row(name)["status"] = "withdrawn"
