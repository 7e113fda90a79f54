"""Having models here: install, verify, repair, remove, load and measure them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gptwidgets.errors import StoreError
from gptwidgets.store import disk, install, installs, listings, measurements
from gptwidgets.store.database import Database
from gptwidgets.store.jobs import Job, Queue
from gptwidgets.store.machine import machine
from gptwidgets.verbs import installing
from gptwidgets.verbs.seeking import Seeking

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.kernel.gpt import GPT
    from gptwidgets.store.folders import Watch


class Keeping:
    """The part of a store that has to do with this machine."""

    database: Database
    jobs: Queue
    _seeking: Seeking

    def install(self, name: str, *, accept_licence: bool = False, revision: str | None = None) -> Job:
        """Installs a model, in the background; several wait for each other.

        Args:
            name: of a listing, of a model of the Hub ("owner/name"), or of one that a search found on this
                machine: it is copied, or converted, and pinned.
            accept_licence: you accept its licence, where it wants that.
            revision: of a model of the Hub: another commit, tag or branch than the listing's.

        Returns:
            The job: `.wait()` for it, `.cancel()` it; another install goes on where it stopped.

        Raises:
            UnknownModelError: there is no listing of this name.

        Example:
            >>> gw.Store().install("gpt2").wait().result                                # doctest: +SKIP
            PosixPath('/home/ada/.local/share/gptwidgets/models/gpt2')
        """
        return self._install(name, accept_licence=accept_licence, revision=revision)

    def repair(self, name: str) -> Job:
        """Fetches again what is not as it was installed, and nothing else; `verify` tells what that is."""
        return self._install(name, accept_licence=True, again=True)

    def verify(self, name: str) -> pd.DataFrame:
        """Hashes each file of an installed model; its state is "right", "changed", "missing" or "added".

        Raises:
            UnknownModelError: it is not installed.
        """
        import pandas as pd

        return pd.DataFrame([vars(row) for row in disk.verify(name)])

    def remove(self, name: str) -> int:
        """Removes an installed model from the disk; one that is loaded keeps running.

        Returns:
            How many bytes that freed.
        """
        freed = disk.remove(name)
        installs.forget(self.database, name)
        self._seeking.beyond.changed()
        return freed

    def disk(self) -> pd.DataFrame:
        """What models take of the disk here, the largest first."""
        import pandas as pd

        return pd.DataFrame([vars(model) for model in disk.use()])

    def load(self, name: str, *, accept_licence: bool = False, **options: Any) -> GPT:
        """Loads a model, which is installed first where it is not; see `gw.load` for the options.

        Args:
            name: of a listing, or anything else that `gw.load` takes.
            accept_licence: you accept its licence, where it is not installed yet and wants that.
            **options: `device`, `dtype`, `progress`, `cancel`.
        """
        from gptwidgets.verbs.loading import load

        listing = listings.find(self.database, name)
        if listing is None:
            return load(name, accept_licence=accept_licence, **options)
        folder = install.installed(listing.name)
        folder = folder or self.install(listing.name, accept_licence=accept_licence).wait().result
        gpt = load(folder, **options)
        gpt.name = listing.name
        return gpt

    def measure(self, name: str, *, device: str = "auto", dtype: str = "auto", seconds: float = 30.0) -> Job:
        """Measures an installed model here, in a process of its own, and keeps the figures.

        Args:
            name: of a listing; what is not installed is installed first.
            device: "auto", or one by name.
            dtype: "auto", or one by name.
            seconds: that reading the reference text may take, and writing half of them. Figures of less are
                kept with how much of the text they are of.

        Returns:
            The job; its result is a dictionary: tokens_per_second, first_token_s, peak_bytes, bits_per_byte.

        Example:
            >>> gw.Store().measure("smollm2-135m-instruct").wait().result               # doctest: +SKIP
        """
        from gptwidgets.verbs.measuring import checked, measure

        seconds = checked(seconds)
        listing = listings.find(self.database, name)
        if listing is None:
            self._seeking.get(name)  # or there is no such model at all
            raise StoreError(
                f'Figures are kept of what the store lists, and "{name}" is not listed: install it first; '
                "on a shared store have it published."
            )
        pending = self.jobs.pending("measure", listing.name)
        if pending is not None:
            return pending

        def work(watch: Watch) -> dict[str, Any]:
            folder = installing.install_listing(
                listing, note=lambda facts: installs.note(self.database, facts), watch=watch
            )
            found = measure(
                folder, name=listing.name, device=device, dtype=dtype, seconds=seconds, watch=watch
            )
            figures = measurements.Figures(
                machine=machine(),
                text_bytes=found.bytes,
                **{name: getattr(found, name) for name in _FIGURES},
            )
            return vars(measurements.save(self.database, listing.version_id, figures))

        return self.jobs.submit("measure", listing.name, work)

    def _install(self, name: str, **options: Any) -> Job:
        found = self._seeking.get(name)
        if not isinstance(found, listings.Listing):
            found = self._seeking.to_install(found)
        elif found.status != "published" and install.placed(found.name) is None:
            raise StoreError(
                f'"{found.name}" is {_STATES.get(found.status, found.status)}, and is not installed.'
            )

        def note(facts: dict[str, Any]) -> None:
            if not isinstance(found, listings.Listing):
                self._seeking.take_in(found, facts)
            installs.note(self.database, facts)
            self._seeking.beyond.changed()

        return installing.start(self.jobs, found, note=note, **options)


_STATES = {
    "draft": "a draft: submit it, and let a reviewer approve it",
    "submitted": "waiting for a reviewer",
    "rejected": "rejected: see store.versions(name) for the words",
    "withdrawn": "withdrawn by its publisher",
}
_FIGURES = (
    *("device", "dtype", "torch", "transformers"),
    *("tokens_per_second", "first_token_s", "peak_bytes", "bits_per_byte"),
)
