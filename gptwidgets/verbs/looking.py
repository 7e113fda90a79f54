"""Looking around in a store: what there is, what is known of it, and whether it fits here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gptwidgets.errors import StoreError
from gptwidgets.store import checks, joining, journal, listings, measurements, reviews
from gptwidgets.store.database import Database
from gptwidgets.store.terms import terms
from gptwidgets.store.wish import Wish
from gptwidgets.verbs import fitting
from gptwidgets.verbs.framing import frame
from gptwidgets.verbs.seeking import Seeking

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.store.search import Found
    from gptwidgets.store.sources import Found as Model
    from gptwidgets.verbs.comparing import Comparison
    from gptwidgets.verbs.fitting import Fit

# The columns of what was found, in the order in which they are read.
COLUMNS = (
    *("name", "title", "publisher", "summary", "use_cases", "languages", "licence", "gated", "architecture"),
    *("parameters", "context_length", "weight_bytes", "memory_bytes", "stars", "stars_bound", "reviews"),
    *("tokens_per_second", "first_token_s", "peak_bytes", "bits_per_byte", "measured_on"),
    *("installed", "status", "origin"),
)
_UNITS = {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 2**10, "mib": 2**20, "gib": 2**30}


class Looking:
    """The part of a store that only reads."""

    database: Database
    _seeking: Seeking

    def search(
        self,
        words: str = "",
        *,
        source: str | None = None,
        max_memory: str | float | None = None,
        fits: bool | None = None,
        limit: int = 50,
        offset: int = 0,
        **wish: Any,
    ) -> pd.DataFrame:
        """Finds listings.

        Args:
            words: in any order; beginnings and typing mistakes will do.
            source: "embedded" for the catalogue alone, "machine" for what lies on this machine (installed, in
                Hugging Face's cache, in the store's folders), "hub" to ask the Hugging Face Hub; None for the
                catalogue and whatever lies on this machine besides.
            max_memory: "4 GB", or bytes: for the weights and 1,024 tokens of cache.
            fits: whether that is free on this machine.
            limit: listings of a page, at most 1,000.
            offset: of the page's first.
            **wish: use_case, language, licence, publisher, architecture, min_parameters, max_parameters,
                min_context, installed, status, sort, descending; see `gptwidgets.store.wish.Wish`.

        Returns:
            A row for each listing. In `.attrs`: "total" (at most 10,000), "capped" (there are more),
            "corrected" (the words that were looked for instead), "facets" (values with their counts),
            "missing" (sentences on what could not be looked through, as the Hub without a network).

        Raises:
            StoreError: something is asked for that there is not; says what there is.
            TypeError: a keyword that there is not.

        Example:
            >>> import gptwidgets as gw
            >>> found = gw.Store().search("chat", max_memory="1 GB", sort="parameters")     # doctest: +SKIP
            >>> found[["name", "memory_bytes"]].head(3)                                     # doctest: +SKIP
        """
        import pandas as pd

        found, missing = self._find(words, source, max_memory, fits, wish, limit=limit, offset=offset)
        table = pd.DataFrame([_row(row) for row in found.rows], columns=list(COLUMNS))
        table.attrs = {
            "total": found.total,
            "capped": found.capped,
            "corrected": found.corrected,
            "facets": found.facets,
            "missing": missing,
        }
        return table

    def facets(self, words: str = "", **wish: Any) -> dict[str, pd.Series]:
        """How many listings have each use case, licence, size, …; the arguments are those of `search`."""
        import pandas as pd

        counted = self.search(words, limit=1, **wish).attrs["facets"]
        return {name: pd.Series(dict(pairs), name=name, dtype="int64") for name, pairs in counted.items()}

    def show(self, name: str) -> dict[str, Any]:
        """All that is known of a listing.

        Returns:
            "listing": a dictionary, in which "terms" says what its licence allows; "versions", "checks",
            "reviews", "measurements": DataFrames.

        Raises:
            UnknownModelError: there is no listing of this name.
        """
        listing = self._seeking.get(name, whole=True)
        if not isinstance(listing, listings.Listing):
            return _from_elsewhere(listing)
        said: dict[str, Any] = {"stars": listing.stars_mean, "reviews": listing.n_reviews}
        said["terms"] = vars(terms(listing.licence, listing.source, gated=listing.gated))
        return {
            "listing": {**vars(listing), **said},
            "versions": self.versions(name),
            "checks": self.checks(name),
            "reviews": self.reviews(name),
            "measurements": self.measurements(name),
        }

    def versions(self, name: str) -> pd.DataFrame:
        """The versions of a listing, the newest first."""
        return frame(listings.versions(self.database, self._listing(name).id), listings.Version)

    def checks(self, name: str) -> pd.DataFrame:
        """What was checked of a listing's newest version: name, passed, reason, ran_at."""
        return frame(checks.of(self.database, self._listing(name).id), checks.Check)

    def reviews(self, name: str) -> pd.DataFrame:
        """What people think of a listing, the newest first."""
        return frame(reviews.reviews(self.database, self._listing(name).id), reviews.Review)

    def measurements(self, name: str | None = None) -> pd.DataFrame:
        """What was measured, of one listing or of all, the newest first."""
        listing = None if name is None else self._listing(name).id
        return frame(measurements.measurements(self.database, listing), measurements.Measurement)

    def journal(self, name: str | None = None) -> pd.DataFrame:
        """Who did what and when, of one listing or of all, the newest first."""
        return frame(journal.entries(self.database, name), journal.Entry)

    def fit(
        self,
        name: str,
        *,
        context: int | None = None,
        batch: int = 1,
        dtype: str = "auto",
        record: bool = True,
        device: str = "auto",
    ) -> Fit:
        """Whether a model fits here: weights, cache, recorded attention and work against what is free.

        Args:
            name: of a listing.
            context: tokens to read and write; by default 1,024, or less where the model reads less.
            batch: sequences to write at once.
            dtype: "auto", or one by name.
            record: whether a text of that length has its attention recorded.
            device: "auto", or one by name.

        Raises:
            UnknownModelError: there is no listing of this name.
            StoreError: neither its configuration nor its size is known.

        Example:
            >>> print(gw.Store().fit("gpt2", context=1024))                             # doctest: +SKIP
        """
        listing = self._seeking.get(name)
        version = (
            listings.version(self.database, listing.version_id)
            if isinstance(listing, listings.Listing)
            else listing
        )
        return fitting.fit(
            version.config,
            name=listing.title,
            parameters=listing.parameters,
            context=context,
            batch=batch,
            dtype=dtype,
            record=record,
            device=device,
            checkpoint=version.dtype,
        )

    def compare(self, names: Sequence[str]) -> Comparison:
        """Two to eight models side by side.

        Returns:
            `.table`, a DataFrame with a row for each, and `.figure`, a Plotly figure.
        """
        from gptwidgets.verbs.comparing import compare

        rows = self._seeking.rows([self._seeking.get(name).name for name in names])
        return compare([_row(row) for row in rows])

    def _find(
        self,
        words: str,
        source: str | None,
        max_memory: str | float | None,
        fits: bool | None,
        wish: dict[str, Any],
        **page: int,
    ) -> tuple[Found, tuple[str, ...]]:
        most = None if max_memory is None else in_bytes(max_memory)
        if fits is not None:
            free = fitting.places()[0].memory.free
            if fits:
                most = free if most is None else min(most, free)
            else:
                wish = {**wish, "min_memory": free}
        unknown = set(wish) - set(Wish.__dataclass_fields__)
        if unknown:
            raise TypeError(f"search() has no option '{unknown.pop()}'; it has {', '.join(_OPTIONS)}.")
        return self._seeking.find(Wish(words=words, max_memory=most, **wish), source, **page)

    def _listing(self, name: str) -> listings.Listing:
        return listings.get(self.database, name)


_OPTIONS = sorted({*Wish.__dataclass_fields__, "fits", "limit", "offset", "source"} - {"min_memory"})


def in_bytes(size: str | float) -> float:
    """A size as people write it, in bytes.

    Raises:
        StoreError: it is no size.

    Example:
        >>> in_bytes("4 GB"), in_bytes("1.5gib"), in_bytes(1000)
        (4000000000.0, 1610612736.0, 1000.0)
    """
    if isinstance(size, int | float) and not isinstance(size, bool) and size > 0:
        return float(size)
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?b)\s*", str(size).lower())
    if match is None or match[2] not in _UNITS or not float(match[1]):
        raise StoreError(f'A size of memory is written "4 GB" or "500 MB", or as bytes; not {size!r}.')
    return float(match[1]) * _UNITS[match[2]]


def _from_elsewhere(model: Model) -> dict[str, Any]:
    """What is known of a model that no listing is of; nobody has checked, reviewed or measured it here."""
    import pandas as pd

    said = {"card": model.card, "source": model.source, "revision": model.revision}
    said["terms"] = vars(terms(model.licence, model.source, gated=model.gated))
    version = {name: getattr(model, name) for name in ("revision", "source", "dtype", "weight_bytes")}
    version |= {"id": 0, "status": "", "words": None, "made_by": "", "made_at": None, "files": ()}
    nothing = {
        "checks": frame([], checks.Check),
        "reviews": frame([], reviews.Review),
        "measurements": frame([], measurements.Measurement),
    }
    return {
        "listing": {**_row(joining.row(model)), **said},
        "versions": pd.DataFrame([version]),
        **nothing,
    }


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "stars": row["stars_mean"], "reviews": row["n_reviews"]}
