"""Model folders are built beside their place and moved there in one step, under a lock between processes.

Beside a folder `name` may stand: `.name.lock`, which is locked while somebody works on it; `.name.part-…`,
where it is being built; `.name.part`, where it is being fetched, and which outlives a stop or a kill, so that
the next try goes on from there; `.name.old`, what was there before, for the moment of the exchange; and
`.name.gone-…`, what is being deleted.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from gptwidgets.errors import InstallError
from gptwidgets.store import paths
from gptwidgets.store.folders import NOBODY, Watch, manifest

HOW = "make room, or set GPTWIDGETS_HOME to a folder on another disk"
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # the disk, or a user's share of it


def is_there(folder: Path) -> bool:
    """True where a folder is a finished model."""
    return manifest(folder) is not None


@contextmanager
def staged(
    root: Path,
    name: str,
    watch: Watch = NOBODY,
    *,
    keep: bool = False,
    there: Callable[[Path], bool] = is_there,
    how: str = HOW,
) -> Generator[Path | None]:
    """A place to build the folder `root/name` in, under a lock between processes.

    Build it as `stage/"model"` and seal it: at the end it is moved into place in one step, where it takes the
    place of what was there. Whatever goes wrong before leaves the old state; what a killed process left is
    swept up by the next.

    Args:
        root: the folder of folders.
        name: what to build in it.
        watch: told about waiting, and asked whether to stop.
        keep: what goes wrong leaves the stage as it is, and the next try gets it again.
        there: says of `root/name` whether it is what is wanted.
        how: what to do where the disk is full.

    Yields:
        The staging folder; None where another process has finished the model while this one waited.

    Raises:
        InstallError: nothing can be written, or the disk is full.
    """
    paths.writable(root)
    target = root / name
    with locked(root, name, watch):
        restore(root, name)
        if there(target):
            yield None
            return
        for left in [*root.glob(f".{name}.part-*"), *root.glob(f".{name}.gone-*")]:
            shutil.rmtree(left, ignore_errors=True)
        stage, finished = None, False
        try:
            stage = kept(root, name) if keep else Path(tempfile.mkdtemp(prefix=f".{name}.part-", dir=root))
            stage.mkdir(exist_ok=True)
            yield stage
            watch.stop()
            _exchange(stage / "model", target)
            finished = True
        except OSError as error:
            if not is_full(error):
                raise
            raise InstallError(no_room(root, None, how)) from None
        finally:
            if stage is not None and (finished or not keep):
                shutil.rmtree(stage, ignore_errors=True)


def kept(root: Path, name: str) -> Path:
    """Where what was fetched of a model lies until it is whole."""
    return root / f".{name}.part"


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _exchange(model: Path, target: Path) -> None:
    model.chmod(0o755)
    if target.exists():
        target.rename(_aside(target))  # a kill from here on: `restore` puts it back
    model.rename(target)
    shutil.rmtree(_aside(target), ignore_errors=True)


def restore(root: Path, name: str) -> None:
    """Ends an exchange that a kill cut in two; call it under the lock."""
    target = root / name
    aside = _aside(target)
    if not target.exists():
        with suppress(FileNotFoundError):
            aside.rename(target)
    elif aside.exists():
        shutil.rmtree(aside, ignore_errors=True)


def restored(root: Path, name: str) -> None:
    """The same from without: does nothing where the folder is there, or somebody is at work on it."""
    if not (root / name).exists() and _aside(root / name).exists():
        with suppress(Timeout, OSError), FileLock(root / f".{name}.lock", timeout=1):
            restore(root, name)


def discard(root: Path, name: str) -> int:
    """Deletes a folder, and whatever was fetched or left of it; in one step, as others see it.

    Returns:
        How many bytes that freed.

    Raises:
        InstallError: somebody is at work on it, or it cannot be deleted.
    """
    try:
        with FileLock(root / f".{name}.lock", timeout=1):
            restore(root, name)
            gone = Path(tempfile.mkdtemp(prefix=f".{name}.gone-", dir=root))
            for path in [root / name, kept(root, name), *root.glob(f".{name}.part-*")]:
                if path.exists():
                    path.rename(gone / path.name.lstrip("."))
            freed = 0
            for left in root.glob(f".{name}.gone-*"):
                freed += size(left)
                shutil.rmtree(left, ignore_errors=True)
            return freed
    except Timeout:
        raise InstallError(f"{name} is just being installed; cancel that first, then remove it.") from None
    except OSError as error:
        raise InstallError(
            f'"{root / name}" cannot be removed ({error.strerror or error}); is it open in another program?'
        ) from None


def size(folder: Path) -> int:
    """Bytes in a folder; what vanishes meanwhile counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() and not path.is_symlink() else 0
    return total


def need_room(root: Path, needed: int, how: str = HOW) -> None:
    """Raises InstallError where the disk has less than `needed` bytes free."""
    if shutil.disk_usage(root).free < needed:
        raise InstallError(no_room(root, needed, how))


def is_full(error: BaseException) -> bool:
    """True where an error says that the disk is full; what is written in Rust says so in words only."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    return any(f"(os error {code})" in str(error) for code in (*_FULL, 112))  # 112 is Windows'


def no_room(root: Path, needed: int | None, how: str = HOW) -> str:
    """The sentence for a full disk."""
    wants = f"needs about {needed / 1e9:.1f} GB" if needed else "needs more"
    return (
        f'The disk of "{root}" has {shutil.disk_usage(root).free / 1e9:.1f} GB free, and this {wants}: {how}.'
    )


@contextmanager
def locked(root: Path, name: str, watch: Watch = NOBODY, *, what: str = "install") -> Generator[None]:
    """Nobody else works on `root/name` meanwhile; waits until that is so, and says for what."""
    lock = FileLock(root / f".{name}.lock")
    waited = 0.0
    while True:
        try:
            lock.acquire(timeout=0.2)
            break
        except Timeout:
            waited += 0.2
            watch.stop()
            watch.tell(f"waiting for another {what} of the same model", waited, None, "s")
    try:
        yield
    finally:
        lock.release()
