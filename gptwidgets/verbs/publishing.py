"""Publishing: from a model in hand to a draft, through its checks and a reviewer's hands to everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from gptwidgets.errors import ChecksumError, GPTWidgetsError, RefusedError, StoreError
from gptwidgets.store import (
    checks,
    filing,
    folders,
    listings,
    people,
    published,
    reviews,
    schema,
    stating,
    unfinished,
)
from gptwidgets.store.database import Database
from gptwidgets.store.describing import describe_folder
from gptwidgets.store.folders import NOBODY, Watch
from gptwidgets.store.listings import Facts, File, Listing, Version, Words
from gptwidgets.store.staging import is_full, locked, no_room, staged
from gptwidgets.verbs import bringing
from gptwidgets.verbs.checking import check

if TYPE_CHECKING:
    from gptwidgets.kernel.gpt import GPT


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
        StoreError: something is missing or taken; says what to do, before anything is copied.
    """
    words = stating.words(
        stating.name(name),
        publisher=database.user,
        card=card,
        licence=licence,
        title=title,
        summary=summary,
        use_cases=use_cases,
        languages=languages,
    )
    _revision(database, name, revision)
    model = bringing.look(gpt_or_folder)
    root = published.root(database)
    try:
        # Who publishes the same model at the same time waits here, until the draft before is in the database.
        with locked(root, name, watch, what="publish"):
            unfinished.clear(database, name)
            revision = _revision(database, name, revision)
            folder = published.place_for(database, name, revision)
            with unfinished.begun(database, name, folder) as end:
                published.made_for(database, folder)
                facts = _brought(model, folder, {"name": name, "words": _plain(words)}, watch)
                source = {**facts.source, "path": published.kept(database, folder), "revision": revision}
                with database.writing("publish", name, revision=revision) as connection:
                    end(connection)
                    return filing.add(database, name, words, replace(facts, source=source, revision=revision))
    except OSError as error:  # an InstallError, which speaks of installing, is one, too
        raise StoreError(_in_words(error, root)) from None


def _brought(model: GPT | bringing.Folder, folder: Path, told: dict[str, Any], watch: Watch) -> Facts:
    """Builds and seals the folder of a version, moves it into place in one step, and says what it is."""
    with staged(folder.parent, folder.name, watch, there=lambda _: False, how=bringing.HOW) as stage:
        if stage is None:
            raise StoreError(f'Somebody else has just made "{folder}"; try again.')
        made = stage / "model"
        made.mkdir()
        bringing.bring(model, made, watch)
        described = describe_folder(made)
        sealed = folders.seal(
            made, {**described.as_manifest(), "licence": told["words"]["licence"], **told}, watch
        )
    return Facts(
        source={"kind": "folder", "files": sealed["files"]},
        architecture=described.architecture or "unknown",
        parameters=described.parameters,
        context_length=described.context_length,
        dtype=described.dtype,
        weight_bytes=described.weight_bytes,
        config=described.config,
        manifest=sealed,
        files=[File(path, file["bytes"], file["sha256"]) for path, file in sealed["files"].items()],
    )


def _in_words(error: OSError, root: Path) -> str:
    if isinstance(error, GPTWidgetsError):
        return str(error)
    if is_full(error):
        return no_room(root, None, bringing.HOW)
    where = error.filename or root
    return f'"{where}" cannot be written ({error.strerror or error}); see to the permissions of "{root}".'


def submit(database: Database, name: str, *, watch: Watch = NOBODY) -> list[checks.Check]:
    """Runs the checks of the newest draft; where all pass, it waits for a reviewer.

    A version that waits already gives way to it.

    Raises:
        StoreError: there is no draft of this name.
        RefusedError: it is somebody else's.
    """
    listing = listings.get(database, name)
    versions = listings.versions(database, listing.id)
    draft = versions[0] if versions and versions[0].status in {"draft", "rejected"} else None
    if draft is None:
        waits = versions and versions[0].status == "submitted"
        already = f'"{name}" {versions[0].revision} waits for a reviewer already' if waits else None
        how = f'make one with store.publish(…, name="{name}")'
        raise StoreError(f"{already}." if already else f'"{name}" has no draft; {how}.')
    _need_owner(database, draft, "submit it")
    said = (draft.manifest or {}).get("words", {})
    results = check(
        published.place(draft),
        listing.name,
        said.get("card", listing.card),
        said.get("licence", listing.licence),
        files=draft.files,
        watch=watch,
    )
    with database.writing("submit", listing.name, draft.id) as connection:
        filing.lock(connection, listing.id)
        checks.save(database, draft.id, listing.name, results)
        if all(passed for _name, passed, _reason in results):
            filing.set_status(database, draft.id, "submitted", only={"draft", "rejected"})
            for before in listings.versions(database, listing.id):
                if before.status == "submitted" and before.id != draft.id:
                    filing.set_status(database, before.id, "rejected", f"{draft.revision} takes its place.")
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


def approve(
    database: Database, name: str, words: str = "", *, revision: str | None = None, watch: Watch = NOBODY
) -> None:
    """Publishes the version that waits, where its files still are as they were checked.

    Args:
        database: the store's.
        name: of the listing.
        words: to its publisher.
        revision: which was looked at: another that has taken its place meanwhile is not approved unseen.
        watch: told about progress, and asked whether to stop.

    Raises:
        StoreError: none waits, or its files were changed.
        RefusedError: only a reviewer may, and not of a model of his own while there are others.
    """
    said = reviews.cleaned(words)
    listing, waiting = _waiting(database, name, revision, "approve a model")
    if database.shared and waiting.made_by == database.user:
        others = [person for person in people.reviewers(database) if person != database.user]
        if others:
            raise RefusedError(f"Nobody approves a model of his own; ask {' or '.join(others)}.")
        said = f"{_ALONE} {said}".strip()
    try:
        published.verified(waiting, watch)
    except ChecksumError as error:
        raise StoreError(f"{error} What was checked is not what would be published.") from None
    with database.writing("approve", listing.name, waiting.id):
        filing.set_status(database, waiting.id, "published", said, only={"submitted"})
        told = (waiting.manifest or {}).get("words")
        if told and listings.get(database, name).version_id == waiting.id:
            filing.describe(database, listing.name, Words(**told))


_ALONE = "Approved by its own publisher, who is the only reviewer here."


def reject(database: Database, name: str, words: str, *, revision: str | None = None) -> None:
    """Sends the version that waits back.

    Raises:
        StoreError: none waits, or there are no words.
        RefusedError: only a reviewer may.
    """
    said = reviews.cleaned(words)
    if not said:
        raise StoreError("Say why it is rejected: its publisher reads it, and can do better.")
    listing, waiting = _waiting(database, name, revision, "reject a model")
    with database.writing("reject", listing.name, waiting.id):
        filing.set_status(database, waiting.id, "rejected", said, only={"submitted"})


def withdraw(database: Database, name: str) -> None:
    """Takes a model out of the store; its files stay for those who have it.

    Raises:
        RefusedError: it is somebody else's, or of the embedded catalogue.
    """
    listing = listings.get(database, name)
    if listing.origin != "user":
        raise RefusedError(f'"{name}" was not published here; it belongs to the embedded catalogue.')
    _need_owner(database, listings.version(database, listing.version_id), "withdraw it")
    with database.writing("withdraw", listing.name, listing.id) as connection:
        filing.lock(connection, listing.id)
        for version in listings.versions(database, listing.id):
            if version.status != "withdrawn":
                filing.set_status(database, version.id, "withdrawn")


def _revision(database: Database, name: str, wanted: str | None) -> str:
    """The revision of a new version: the one that is wanted, else the next of v1, v2 and so on."""
    listing = listings.find(database, name)
    versions = [] if listing is None else listings.versions(database, listing.id)
    if listing is not None:
        owner = versions[-1].made_by if versions else listing.publisher
        if listing.origin != "user" or (database.shared and owner != database.user):
            raise StoreError(f'The name "{name}" is taken, by {owner}; choose another.')
    there = [found.revision for found in versions]
    if wanted is None:
        n = 1 + sum(found.startswith("v") for found in there)
        while f"v{n}" in there:
            n += 1
        return f"v{n}"
    if stating.revision(wanted) in there:
        raise StoreError(
            f'"{name}" has a version "{wanted}" already, which never changes; give another revision.'
        )
    return wanted


def _waiting(database: Database, name: str, revision: str | None, wanted: str) -> tuple[Listing, Version]:
    people.need_reviewer(database, wanted)
    listing = listings.get(database, name)
    waiting = next(
        (found for found in listings.versions(database, listing.id) if found.status == "submitted"), None
    )
    if waiting is None:
        raise StoreError(f'No version of "{name}" waits for a reviewer; submit one first.')
    if revision not in {None, waiting.revision}:
        raise StoreError(
            f'It is "{name}" {waiting.revision} that waits by now, not {revision}; look at it first.'
        )
    return listing, waiting


def _need_owner(database: Database, version: Version, wanted: str) -> None:
    if database.shared and version.made_by != database.user:
        raise RefusedError(
            f'"{version.name}" is {version.made_by}\'s, and only {version.made_by} may {wanted}.'
        )


def _plain(words: Words) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(words).items()}
