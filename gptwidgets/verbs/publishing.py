"""Publishing: from a model in hand to a draft, through its checks and a reviewer's hands to everybody."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gptwidgets.errors import ChecksumError, RefusedError, StoreError
from gptwidgets.store import cards, checks, filing, folders, listings, people, published, schema
from gptwidgets.store.database import Database
from gptwidgets.store.describing import describe_folder
from gptwidgets.store.folders import NOBODY, Watch
from gptwidgets.store.listings import Facts, File, Listing, Version, Words
from gptwidgets.store.staging import need_room, staged
from gptwidgets.verbs.checking import check

NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,94}[a-z0-9])?")


def publish(
    database: Database,
    gpt_or_folder: Any,
    *,
    name: str,
    card: str,
    licence: str,
    title: str | None = None,
    summary: str | None = None,
    use_cases: Sequence[str] = (),
    languages: Sequence[str] = ("en",),
    revision: str | None = None,
    watch: Watch = NOBODY,
) -> Version:
    """Makes a draft; see `gw.Store.publish`. The files are copied, hashed and moved into place in one step.

    Raises:
        StoreError: something is missing or taken; says what to do.
    """
    if not NAME.fullmatch(name):
        raise StoreError(
            'A model is called by small letters, digits, ".", "-" and "_", such as "my-gpt"; '
            f"not {name!r:.80}."
        )
    card = cards.checked(card)
    if not isinstance(licence, str) or not licence.strip():  # pyright: ignore[reportUnnecessaryIsInstance]
        raise StoreError('A licence is named as SPDX names it, such as "MIT" or "Apache-2.0".')
    words = Words(
        title=title or name,
        publisher=database.user,
        summary=summary or _sentence(card),
        licence=licence.strip(),
        card=card,
        use_cases=tuple(use_cases),
        languages=tuple(languages),
    )
    revision = _revision(database, name, revision)
    root = published.root(database) / name
    with staged(root, revision, watch, there=lambda _folder: False) as stage:
        if stage is None:
            raise StoreError(f'"{name}" {revision} is being published by another process; try again.')
        model = stage / "model"
        model.mkdir()
        _bring(gpt_or_folder, model, watch)
        described = describe_folder(model)
        sealed = folders.seal(
            model,
            {**described.as_manifest(), "name": name, "licence": words.licence, "words": _plain(words)},
            watch,
        )
    facts = Facts(
        source={
            "kind": "folder",
            "path": published.kept(database, root / revision),
            "files": sealed["files"],
            "revision": revision,
        },
        architecture=described.architecture or "unknown",
        revision=revision,
        parameters=described.parameters,
        context_length=described.context_length,
        dtype=described.dtype,
        weight_bytes=described.weight_bytes,
        config=described.config,
        manifest=sealed,
        files=[File(path, file["bytes"], file["sha256"]) for path, file in sealed["files"].items()],
    )
    return filing.add(database, name, words, facts)


def submit(database: Database, name: str, *, watch: Watch = NOBODY) -> list[checks.Check]:
    """Runs the checks of the newest draft; where all pass, it waits for a reviewer.

    Raises:
        StoreError: there is no draft of this name.
        RefusedError: it is somebody else's.
    """
    listing = listings.get(database, name)
    draft = _newest(database, listing, "draft", "rejected")
    if draft is None:
        raise StoreError(f'"{name}" has no draft; make one with store.publish(…, name="{name}").')
    _need_owner(database, draft, "submit it")
    said = (draft.manifest or {}).get("words", {})
    results = check(
        folder_of(draft),
        listing.name,
        said.get("card", listing.card),
        said.get("licence", listing.licence),
        files=draft.files,
        watch=watch,
    )
    with database.writing("submit", listing.name, draft.id):
        checks.save(database, draft.id, listing.name, results)
        if all(passed for _name, passed, _reason in results):
            filing.set_status(database, draft.id, "submitted")
    return checks.of(database, listing.id)


def queue(database: Database) -> list[dict[str, Any]]:
    """The versions that wait for a reviewer, the oldest first."""
    version, listing = schema.version.c, schema.listing.c
    query = (
        select(
            listing.name,
            listing.title,
            version.revision,
            version.made_by,
            version.made_at,
            version.parameters,
        )
        .add_columns(version.manifest, listing.summary, listing.licence)
        .join(schema.listing, listing.id == version.listing_id)
        .where(version.status == "submitted")
        .order_by(version.id)
    )
    rows: list[dict[str, Any]] = []
    with database.reading() as connection:
        for found in connection.execute(query):
            row = dict(found._mapping)
            said = (row.pop("manifest") or {}).get("words", {})
            rows.append({**row, **{key: said.get(key, row[key]) for key in ("title", "summary", "licence")}})
    return rows


def approve(database: Database, name: str, words: str = "") -> None:
    """Publishes the version that waits.

    Raises:
        StoreError: none waits, or its files were changed.
        RefusedError: only a reviewer may, and not of a model of his own while there are others.
    """
    listing, waiting = _waiting(database, name, "approve a model")
    others = [person for person in people.reviewers(database) if person != database.user]
    if database.shared and waiting.made_by == database.user and others:
        raise RefusedError(f"Nobody approves a model of his own; ask {' or '.join(others)}.")
    try:
        folders.check(folder_of(waiting), thorough=True)
    except ChecksumError:
        raise StoreError(
            f'The files of "{name}" were changed since they were checked; publish and submit it anew.'
        ) from None
    with database.writing("approve", listing.name, waiting.id):
        filing.set_status(database, waiting.id, "published", words)
        said = (waiting.manifest or {}).get("words")
        if said:
            filing.describe(database, listing.name, Words(**said))


def reject(database: Database, name: str, words: str) -> None:
    """Sends the version that waits back.

    Raises:
        StoreError: none waits, or there are no words.
        RefusedError: only a reviewer may.
    """
    if not words.strip():
        raise StoreError("Say why it is rejected: its publisher reads it, and can do better.")
    listing, waiting = _waiting(database, name, "reject a model")
    with database.writing("reject", listing.name, waiting.id):
        filing.set_status(database, waiting.id, "rejected", words.strip())


def withdraw(database: Database, name: str) -> None:
    """Takes a model out of the store; its files stay for those who have it.

    Raises:
        RefusedError: it is somebody else's, or of the embedded catalogue.
    """
    listing = listings.get(database, name)
    found = listings.versions(database, listing.id)
    if listing.origin != "user":
        raise RefusedError(f'"{name}" was not published here; it belongs to the embedded catalogue.')
    _need_owner(database, found[0], "withdraw it")
    with database.writing("withdraw", listing.name, listing.id):
        for version in found:
            if version.status != "withdrawn":
                filing.set_status(database, version.id, "withdrawn")


def folder_of(version: Version) -> Path:
    """Where the files of a published version, or of a draft, lie."""
    return published.located(str(version.source["path"]))


def _revision(database: Database, name: str, wanted: str | None) -> str:
    """The revision of a new version: the one that is wanted, else the next of v1, v2 and so on."""
    listing = listings.find(database, name)
    there = [] if listing is None else [found.revision for found in listings.versions(database, listing.id)]
    if wanted is None:
        n = 1 + sum(found.startswith("v") for found in there)
        while f"v{n}" in there:
            n += 1
        return f"v{n}"
    if not NAME.fullmatch(wanted):
        raise StoreError(f'A revision is written in small letters and digits, such as "v2"; not {wanted!r}.')
    if wanted in there:
        raise StoreError(
            f'"{name}" has a version "{wanted}" already, which never changes; give another revision.'
        )
    return wanted


def _bring(gpt_or_folder: Any, to: Path, watch: Watch) -> None:
    if isinstance(gpt_or_folder, str | os.PathLike):
        _copy(Path(gpt_or_folder).expanduser(), to, watch)
        return
    if not hasattr(gpt_or_folder, "model") or not hasattr(gpt_or_folder, "tokenizer"):
        raise StoreError(
            f"What is published is a GPT (gw.load(…)) or a folder, not {type(gpt_or_folder).__name__}."
        )
    watch.tell("saving", 0, None, "bytes")
    gpt_or_folder.model.save_pretrained(to, safe_serialization=True)
    if gpt_or_folder.tokenizer is None:
        raise StoreError(
            "A model is published with its tokenizer: load it with gw.load(model=…, tokenizer=…)."
        )
    gpt_or_folder.tokenizer.save_pretrained(to)


def _copy(folder: Path, to: Path, watch: Watch) -> None:
    """Copies the files of a folder, as they are: what is wrong with them the checks say."""
    if not (folder / "config.json").is_file():
        raise StoreError(f'"{folder}" is no folder of a model: it has no config.json.')
    files = sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    files = [path for path in files if not path.relative_to(folder).parts[0].startswith(".")]
    total, done = sum(path.stat().st_size for path in files if path.is_file()), 0
    need_room(to, total)
    for path in files:
        if path.relative_to(folder).as_posix() == folders.MANIFEST:
            continue
        if path.is_symlink() and not path.resolve().is_file():
            raise StoreError(f'"{path}" is a link to nothing; put the file there.')
        watch.stop()
        target = to / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        done += path.stat().st_size
        watch.tell("copying", done, total, "bytes")
    for path in to.rglob("*"):
        with suppress(OSError):
            path.chmod(0o755 if path.is_dir() else 0o644)


def _newest(database: Database, listing: Listing, *statuses: str) -> Version | None:
    versions = listings.versions(database, listing.id)
    return versions[0] if versions and versions[0].status in statuses else None


def _waiting(database: Database, name: str, wanted: str) -> tuple[Listing, Version]:
    people.need_reviewer(database, wanted)
    listing = listings.get(database, name)
    waiting = next(
        (found for found in listings.versions(database, listing.id) if found.status == "submitted"), None
    )
    if waiting is None:
        raise StoreError(f'No version of "{name}" waits for a reviewer; submit one first.')
    return listing, waiting


def _need_owner(database: Database, version: Version, wanted: str) -> None:
    if database.shared and version.made_by != database.user and not people.is_reviewer(database):
        raise RefusedError(
            f'"{version.name}" is {version.made_by}\'s, and only {version.made_by} may {wanted}.'
        )


def _sentence(card: str) -> str:
    """The first plain sentence of a card."""
    plain = [line.strip() for line in card.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return re.split(r"(?<=[.!?])\s", plain[0])[0][:300] if plain else ""


def _plain(words: Words) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(words).items()}
