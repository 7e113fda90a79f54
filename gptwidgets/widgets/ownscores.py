"""A score of one's own on the grid: any number for each head, such as what patching restored."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

from gptwidgets.kernel import cells
from gptwidgets.widgets.scoring import Scoring

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

NAMED = 40  # letters of a score's name


class OwnScores(Scoring):
    """The part of a widget that shows scores which came from elsewhere."""

    wait: Any

    def __init__(self, **options: Any) -> None:
        self._own: pd.Series | None = None
        super().__init__(**options)

    def show_scores(
        self, scores: pd.DataFrame | pd.Series | Mapping[Any, float] | None, name: str | None = None
    ) -> Self:
        """Tints the grid by a number for each head, by which it can then be sorted and filtered, too.

        It is the score "own": `heat.sort = "own"`, `heat.filter = ["own", 0.1, None]`, `heat.switch_off(4,
        by="own")`. It stays, also over another text, until another one is shown.

        Args:
            scores: a Series or a DataFrame with index (layer, head), as `gpt.patch` and
                `gpt.head_effects` return them; or a dict by head, (18, 6) or "L18H6"; None takes it away.
                Heads that are left out have none.
            name: of a DataFrame the column, by default the first; otherwise what to call it.

        Returns:
            The widget itself.

        Raises:
            TypeError: other than numbers by head.
            IndexError, KeyError: heads or a column that there are not.

        Example:
            >>> heat.show_scores(gpt.patch(clean, corrupted, metric), "restored")       # doctest: +SKIP
        """
        self.wait()
        own = None if scores is None else self._checked_scores(scores, name)
        with self._lock:
            self._own = own
            if self._table is not None:
                table = self._table.drop(columns="own", errors="ignore")
                self._take_scores(self._record_name, table, sampled=bool(self.scores.get("sampled")))
            if own is not None:
                self.color = "own"
                return self
            for trait in ("color", "sort"):
                if getattr(self, trait) == "own":
                    setattr(self, trait, "")
            if self.filter[:1] == ["own"]:
                self.filter = []
        return self

    def _checked_scores(self, scores: Any, name: Any) -> pd.Series:
        import pandas as pd

        if name is not None and not isinstance(name, str):
            raise TypeError(f"name is what to call the score, a string, not {name!r}.")
        if isinstance(scores, pd.DataFrame):
            columns = [str(column) for column in scores.columns]
            if not columns or (name is not None and name not in columns):
                raise KeyError(f"There is no column {name!r}; there are {', '.join(columns) or 'none'}.")
            name = name or columns[0]
            scores = scores.iloc[:, columns.index(name)]
        if not hasattr(scores, "items"):
            raise TypeError(
                'Scores are numbers by head: a table with index (layer, head), or a dict like {"L1H2": 0.5}; '
                f"not {type(scores).__name__}."
            )
        if self._record is None:
            raise TypeError("There is no text here yet whose heads could have scores.")
        known, heads = self._record.layers, range(self._record.n_heads)
        found: dict[tuple[int, int], float] = {}
        for place, value in scores.items():
            pair = place if isinstance(place, tuple) and len(place) == 2 else (place, None)
            layer, head = cells.by_name(*pair)
            at = cells.one_of(layer, known, "layer", "record"), cells.one_of(head, heads, "head", "record")
            try:
                found[int(at[0]), int(at[1])] = float(value)
            except (TypeError, ValueError):
                raise TypeError(f"The score of {place} must be a number, not {value!r}.") from None
        if not any(map(math.isfinite, found.values())):
            raise TypeError("There is no number among these scores.")
        own = pd.Series(found, dtype=float)
        own.index.names = ["layer", "head"]
        own.name = str(name or getattr(scores, "name", None) or "own score")[:NAMED]
        return own

    def _with_induction(self, table: pd.DataFrame) -> pd.DataFrame:
        table = super()._with_induction(table)
        own = self._own
        if own is None:
            return table
        table = table.assign(own=own.reindex(table.index))
        table.attrs["own"] = own.name
        return table
