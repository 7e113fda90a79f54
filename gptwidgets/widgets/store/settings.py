"""What a person looks for in the store, in the browser or in Python, each value checked in words."""

from __future__ import annotations

import difflib
import re
from typing import Any

import traitlets as t

from gptwidgets.store.schema import USE_CASES
from gptwidgets.widgets.base import BaseWidget, told
from gptwidgets.widgets.looks import sendable
from gptwidgets.widgets.values import whole

COMPARED = 4  # side by side, at most
FOUND = 500  # listings on a page, at most
SORTS = (
    "relevance",
    "stars",
    "parameters",
    "memory",
    "context",
    "tokens_per_second",
    "bits_per_byte",
    "first_token",
    "newest",
    "name",
)
UNITS = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?b?)\s*", re.IGNORECASE)


class Bytes(t.TraitType[Any, Any]):
    """An amount of memory in bytes: a number, a text such as "4 GB", or None for any."""

    default_value = None

    def validate(self, _obj: Any, value: Any) -> int | None:
        """Takes "4 GB" as 4,000,000,000 bytes."""
        if value is None or value == "":
            return None
        if isinstance(value, str):
            found = SIZE.fullmatch(value)
            if found is None:
                raise ValueError(f'{self.name} is a size such as "4 GB" or a number of bytes, not {value!r}.')
            value = round(float(found[1]) * UNITS[found[2].upper().rstrip("B")])
        number = round(value) if isinstance(value, float) else whole(value, str(self.name))
        if number <= 0:
            raise ValueError(f"{self.name} is above 0 bytes, not {number}.")
        return number


class UseCase(t.TraitType[Any, Any]):
    """What a model is for, one of a closed list; None for anything."""

    default_value = None

    def validate(self, _obj: Any, value: Any) -> str | None:
        """Says which there are, and which was probably meant."""
        if value is None or value in USE_CASES:
            return value
        near = difflib.get_close_matches(str(value), USE_CASES, n=1, cutoff=0.5)
        hint = f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(USE_CASES)}."
        raise ValueError(f"There is no use case {value!r}{hint}")


class Compared(t.TraitType[Any, Any]):
    """The names of the models that stand side by side, at most four, each once."""

    default_value = ()

    def validate(self, _obj: Any, value: Any) -> list[str]:
        """Keeps the order."""
        if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
            raise TypeError(f"compared is a list of names, not {value!r}.")
        names = [sendable(name, None) for name in dict.fromkeys(value)]
        if len(names) > COMPARED:
            raise ValueError(f"At most {COMPARED} models are compared side by side, not {len(names)}.")
        return names


def _maybe(kind: type[Any], help_: str) -> Any:
    return kind(None, allow_none=True, help=help_).tag(sync=True)


class Settings(BaseWidget):
    """The traits: what is looked for, how it looks, and what only Python tells."""

    # What is looked for

    query = t.Unicode("", help='Words to search for, such as "small chat model"; "" finds everything.').tag(
        sync=True, to_json=sendable
    )
    source = t.Enum(
        [None, "embedded", "machine", "hub"],
        None,
        allow_none=True,
        help="Where to look: None in the catalogue and on this machine, 'embedded' in the catalogue alone, "
        "'machine' on this machine alone, 'hub' on the Hugging Face Hub.",
    ).tag(sync=True)
    use_case = UseCase(help="What it is for, such as 'chat'; None for anything.").tag(sync=True)
    language = _maybe(t.Unicode, "A language by its ISO 639 code, such as 'en'; None for any.")
    licence = _maybe(t.Unicode, "A licence by its SPDX name, such as 'Apache-2.0'; None for any.")
    publisher = _maybe(t.Unicode, "Who published it; None for anybody.")
    max_memory = Bytes(help='Memory that it may take at most, in bytes or as "4 GB"; None for any.').tag(
        sync=True
    )
    installed = _maybe(t.Bool, "True: only what is installed here; False: only what is not; None for both.")
    fits = _maybe(t.Bool, "True: only what fits into this computer's free memory; None for all.")
    sort = t.Enum(
        SORTS, "relevance", help="By which figure the listings are ordered; relevance follows the words."
    ).tag(sync=True)
    descending = _maybe(t.Bool, "Whether the largest comes first; None for the figure's own sense.")
    limit = t.Int(50, min=1, max=FOUND, help="How many listings are shown.").tag(sync=True)
    selected = t.Unicode(None, allow_none=True, help="Name of the listing that is open; None for none.").tag(
        sync=True, to_json=lambda value, _: value and sendable(value, None)
    )
    compared = Compared(help="Names of up to four listings that are compared.").tag(sync=True)

    # How it looks

    view = t.Enum(["cards", "table"], "cards", help="Listings as cards, or as a table.").tag(sync=True)
    title = t.Unicode("", help="A heading; empty for none.").tag(sync=True, to_json=sendable)
    height = t.Int(640, min=320, max=4000, help="Height of the listings in pixels.").tag(sync=True)
    presentation = t.Bool(False, help="Large type, for the last row of a class.").tag(sync=True)

    # What only Python tells

    status = told(
        t.Enum(["empty", "searching", "ready", "error", "closed"], "empty", help="What is going on now.")
    )
    error = told(t.Dict(help="type and message of what went wrong with the search; {} when nothing did."))
    notes = told(t.List(help="Sentences to know about the store, such as what is missing without a network."))
    info = told(t.Dict(help="Who looks, and what there is to choose from: user, use_cases, compared."))
    found = told(
        t.Dict(
            help="The listings found: rows, total, capped, corrected, facets, words, limit, source, missing."
        )
    )
    verdicts = told(t.Dict(help="Of each listing found whether it fits here: fits, why, total, free."))
    jobs = told(t.List(help="Installs, measurements and checks, running, waiting and just ended."))
    changes = told(t.Int(0, help="How often this widget has changed the store."))
    model_name = told(t.Unicode("", help="Name of the model that was loaded last, which is `shop.model`."))
