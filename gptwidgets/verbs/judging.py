"""Saying how good models are, and putting one's own beside them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gptwidgets.store import listings, people, reviews
from gptwidgets.store.checks import Check
from gptwidgets.store.database import Database
from gptwidgets.store.jobs import Job, Queue
from gptwidgets.verbs import publishing
from gptwidgets.verbs.framing import frame

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.kernel.gpt import GPT
    from gptwidgets.store.folders import Watch
    from gptwidgets.store.listings import Version
    from gptwidgets.store.reviews import Review

# The columns of what waits for a reviewer.
QUEUED = ("name", "title", "revision", "made_by", "made_at", "parameters", "summary", "licence")


class Judging:
    """The part of a store in which people speak."""

    database: Database
    jobs: Queue

    def review(self, name: str, stars: int, words: str = "") -> Review:
        """Says how good a model is; a second time changes what you said of this version.

        Args:
            name: of a listing.
            stars: 1 to 5.
            words: what others should know.
        """
        return reviews.write(self.database, listings.get(self.database, name).version_id, stars, words)

    def unreview(self, name: str) -> None:
        """Takes your review of a model back."""
        reviews.remove(self.database, listings.get(self.database, name).version_id)

    def report(self, review_id: int, words: str = "") -> int:
        """Reports a review that abuses.

        Returns:
            The report's id.
        """
        return reviews.report(self.database, review_id, words)

    def reports(self) -> pd.DataFrame:
        """The reports that nobody has settled: who says why, and which review of whom they are about."""
        return frame(reviews.reports(self.database), reviews.Report)

    def settle(self, report_id: int, *, remove: bool = False) -> None:
        """Settles a report; with remove=True the review goes.

        Raises:
            RefusedError: on a shared store, if you are no reviewer.
        """
        reviews.settle(self.database, report_id, remove=remove)

    def publish(
        self,
        gpt_or_folder: GPT | str | os.PathLike[str],
        *,
        name: str,
        card: str,
        licence: str,
        title: str | None = None,
        summary: str | None = None,
        use_cases: Sequence[str] = (),
        languages: Sequence[str] = ("en",),
        revision: str | None = None,
    ) -> Version:
        """Makes a draft of a model of yours, with the hash of each of its files; `submit` sends it on.

        Args:
            gpt_or_folder: a GPT that is loaded, or a folder of safetensors with its tokenizer.
            name: of the listing; an existing one of yours gets a new version.
            card: Markdown that says what it is for, what it was made from, and what it cannot do.
            licence: as SPDX, or LicenseRef-… with the licence among the files.
            title: what a person calls it; by default the name.
            summary: one sentence; by default the card's first.
            use_cases: of `gptwidgets.store.schema.USE_CASES`.
            languages: ISO 639 codes.
            revision: of this version; by default v1, v2, …

        Returns:
            The draft.

        Raises:
            StoreError: something is missing or taken; says what to do.
        """
        return publishing.publish(
            self.database,
            gpt_or_folder,
            name=name,
            card=card,
            licence=licence,
            title=title,
            summary=summary,
            use_cases=use_cases,
            languages=languages,
            revision=revision,
        )

    def submit(self, name: str) -> Job:
        """Has a draft checked; where all passes, it waits for a reviewer.

        Returns:
            The job; its result is a DataFrame of the checks: name, passed, reason.
        """
        found = listings.get(self.database, name)
        pending = self.jobs.pending("check", found.name)
        if pending is not None:
            return pending

        def work(watch: Watch) -> pd.DataFrame:
            return frame(publishing.submit(self.database, found.name, watch=watch), Check)

        return self.jobs.submit("check", found.name, work)

    def queue(self) -> pd.DataFrame:
        """The versions that wait for a reviewer, the oldest first."""
        import pandas as pd

        return pd.DataFrame(publishing.queue(self.database), columns=list(QUEUED))

    def approve(self, name: str, words: str = "", *, revision: str | None = None) -> None:
        """Publishes the version that waits; from then on it never changes.

        Args:
            name: of the listing.
            words: to its publisher.
            revision: the one that you looked at; where another waits by now, it is not approved unseen.

        Raises:
            RefusedError: on a shared store, if you are no reviewer, or the model is yours and others could.
            StoreError: none waits, another one than you looked at does, or its files were changed.
        """
        publishing.approve(self.database, name, words, revision=revision)

    def reject(self, name: str, words: str, *, revision: str | None = None) -> None:
        """Sends the version that waits back, with words that say what to do.

        Args:
            name: of the listing.
            words: to its publisher.
            revision: the one that you looked at, as `approve` takes it.
        """
        publishing.reject(self.database, name, words, revision=revision)

    def withdraw(self, name: str) -> None:
        """Takes a model out of the store; who has it keeps it."""
        publishing.withdraw(self.database, name)

    def name_reviewer(self, person: str) -> None:
        """Lets somebody approve and reject on a shared store.

        Raises:
            RefusedError: if you are no reviewer yourself.
        """
        people.name_reviewer(self.database, person)
