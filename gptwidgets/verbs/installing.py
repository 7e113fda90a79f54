"""Installing a listing: what the store does as data, with the kernel's judgement and its conversion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gptwidgets.errors import InstallError
from gptwidgets.store import install
from gptwidgets.store.folders import NOBODY, Watch
from gptwidgets.store.install import Note, Wanted
from gptwidgets.store.jobs import Job, Queue
from gptwidgets.verbs.converting import convert


def install_listing(
    listing: Wanted,
    *,
    accept_licence: bool = False,
    revision: str | None = None,
    local_wheel: Path | None = None,
    placement: dict[str, Any] | None = None,
    again: bool = False,
    note: Note | None = None,
    watch: Watch = NOBODY,
) -> Path:
    """Makes sure that a listing is installed, in this thread; `gw.load` and the store's jobs both do this.

    Args:
        listing: of the catalogue.
        accept_licence: the user accepts the licence, where that wants it.
        revision: of a model of the Hub: another commit, tag or branch than the listing's.
        local_wheel: the wheel of a model that comes in one, where the user has fetched it himself.
        placement: {"device", "dtype"} where it will be loaded at once: what does not fit is not fetched.
        again: even where it is there: what is not as it was is fetched anew.
        note: told the facts of the install once the model is in its place.
        watch: told about progress, and asked whether to stop.

    Returns:
        The model's folder.

    Raises:
        GPTWidgetsError: what was refused, or went wrong, and what to do.
    """

    def judge(folder: Path, files: Sequence[str]) -> None:
        from gptwidgets.kernel.folder import judge as for_loading
        from gptwidgets.kernel.refusals import check_config, check_files, read_config

        if placement is not None:
            for_loading(folder, listing.name, files, **placement)
        else:
            check_config(read_config(folder), listing.name)
            check_files(files, listing.name)

    return install.install(
        listing,
        lambda source, folder: convert(source, folder, watch),
        judge=judge,
        local_wheel=local_wheel,
        accept_licence=accept_licence,
        revision=revision,
        again=again,
        note=note,
        watch=watch,
    )


def start(
    queue: Queue,
    listing: Wanted,
    *,
    accept_licence: bool = False,
    revision: str | None = None,
    again: bool = False,
    note: Note | None = None,
) -> Job:
    """Queues the install of a listing; one that is under way already is not begun twice.

    Args:
        queue: the store's.
        listing: of the catalogue.
        accept_licence: the user accepts the licence, where that wants it.
        revision: another commit, tag or branch than the listing's.
        again: repair it: even where it is there, what is not as it was is fetched anew.
        note: told the facts of the install once the model is in its place.

    Returns:
        The job, whose result is the model's folder.

    Example:
        >>> job = start(Queue(), listing).wait()                                # doctest: +SKIP
        >>> job.result                                                          # doctest: +SKIP
        PosixPath('/home/ada/.local/share/gptwidgets/models/gpt2')
    """
    pending = queue.pending("install", listing.name)
    if pending is not None:
        return pending

    def work(watch: Watch) -> Path:
        folder = install_listing(
            listing, accept_licence=accept_licence, revision=revision, again=again, note=note, watch=watch
        )
        if again and install.placed(listing.name) != folder:
            raise InstallError(
                f'{listing.name} lies in GPTWIDGETS_MODELS ("{install.placed(listing.name)}"), which is only '
                "read: repair it there, or ask whoever keeps that folder."
            )
        return folder

    return queue.submit("install", listing.name, work)
