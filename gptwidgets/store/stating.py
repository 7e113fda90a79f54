"""What a publisher says of a model, checked before it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gptwidgets.errors import StoreError
from gptwidgets.store import cards, reviews, schema
from gptwidgets.store.listings import Words

NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,94}[a-z0-9])?")
_WINDOWS = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")  # which has devices of these names
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
_LONGEST = {"title": 200, "summary": 500, "licence": 100}  # characters
_SUCH = {"use_cases": '["chat"]', "languages": '["en", "de"]'}
_MOST = 300  # languages; there are some seven thousand, of which nobody's model knows as many


def name(said: str) -> str:
    """A model's name.

    Raises:
        StoreError: it is none that a folder, an address and a person could have in common.
    """
    if not isinstance(said, str) or not NAME.fullmatch(said):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise StoreError(
            'A model is called by small letters, digits, ".", "-" and "_", such as "my-gpt"; '
            f"not {said!r:.80}."
        )
    if _WINDOWS.fullmatch(said):
        raise StoreError(f'No folder on Windows can be called "{said}"; choose another name.')
    return said


def revision(said: str) -> str:
    """A version's name.

    Raises:
        StoreError: it is none.
    """
    if not isinstance(said, str) or not NAME.fullmatch(said):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise StoreError(
            f'A revision is written in small letters and digits, such as "v2"; not {said!r:.80}.'
        )
    if _WINDOWS.fullmatch(said):
        raise StoreError(f'No folder on Windows can be called "{said}"; choose another revision.')
    return said


def words(
    called: str,
    *,
    publisher: str,
    card: str,
    licence: str,
    title: str | None = None,
    summary: str | None = None,
    use_cases: Sequence[str] = (),
    languages: Sequence[str] = (),
) -> Words:
    """All that a listing says of itself, as it is kept.

    Args:
        called: the model's name, which is its title where it has no other.
        publisher: who says so.
        card: Markdown.
        licence: as SPDX, or LicenseRef-….
        title: what a person calls it.
        summary: one sentence; None for the card's first.
        use_cases: of `schema.USE_CASES`.
        languages: ISO 639 codes.

    Raises:
        StoreError: a word is missing, too long or unknown; says which there are.

    Example:
        >>> words("mine", publisher="ada", card="It rhymes. It is small.", licence="MIT").summary
        'It rhymes.'
    """
    card = cards.checked(card)
    return Words(
        title=_line("title", title) or called,
        publisher=publisher,
        summary=_line("summary", summary) or cards.sentence(card),
        licence=_licence(licence),
        card=card,
        use_cases=_use_cases(use_cases),
        languages=_languages(languages),
    )


def _line(what: str, text: str | None) -> str:
    said = " ".join(reviews.cleaned(text).split()) if text is not None else ""
    if len(said) > _LONGEST[what]:
        raise StoreError(f"A {what} has at most {_LONGEST[what]} characters; say it shorter.")
    return said


def _licence(licence: str) -> str:
    said = _line("licence", licence) if isinstance(licence, str) else ""  # pyright: ignore[reportUnnecessaryIsInstance]
    if not said:
        raise StoreError('A licence is named as SPDX names it, such as "MIT" or "Apache-2.0".')
    return said


def _use_cases(found: Sequence[str]) -> tuple[str, ...]:
    found = _several("use_cases", found)
    unknown = sorted(set(found) - set(schema.USE_CASES))
    if unknown:
        known = ", ".join(schema.USE_CASES)
        raise StoreError(f"There is no use case {', '.join(unknown)[:80]}; take of {known}.")
    return found


def _languages(found: Sequence[str]) -> tuple[str, ...]:
    found = _several("languages", found)
    for one in found:
        if not _LANGUAGE.fullmatch(one):
            raise StoreError(f'A language has an ISO code, such as "en" or "pt-BR"; {one!r:.40} is none.')
    return found


def _several(what: str, found: Sequence[str]) -> tuple[str, ...]:
    if isinstance(found, str):
        return (found,)
    listed = tuple(found) if isinstance(found, Iterable) else (found,)  # pyright: ignore[reportUnnecessaryIsInstance]
    if not all(isinstance(one, str) for one in listed):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise StoreError(f"{what} is a list of words, such as {_SUCH[what]}; not {found!r:.80}.")
    if len(listed) > _MOST:
        raise StoreError(f"{what} has at most {_MOST} words, and these are {len(listed):,}.")
    return tuple(dict.fromkeys(listed))
