"""Rows of the store as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def frame(rows: Sequence[Any], kind: type[Any]) -> pd.DataFrame:
    """A table of dataclasses, which has its columns when it has no rows, too.

    Args:
        rows: all of one kind.
        kind: that dataclass.

    Example:
        >>> from gptwidgets.store.listings import File
        >>> list(frame([], File).columns)
        ['path', 'bytes', 'sha256']
    """
    import pandas as pd

    return pd.DataFrame([vars(row) for row in rows], columns=[field.name for field in fields(kind)])
