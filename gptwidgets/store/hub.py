"""Models of the Hugging Face Hub, into Hugging Face's own cache: safetensors only, the weights last."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gptwidgets.errors import GPTWidgetsError, InstallError, UnknownModelError
from gptwidgets.store.folders import NOBODY, Watch, need_room, no_room

# (folder with config and tokenizer, names of all files) -> refuses what should not be fetched
Judge = Callable[[Path, Sequence[str]], None]

_SMALL = (".json", ".txt", ".model", ".jinja", ".tiktoken")
_WHOLE, _INDEX = "model.safetensors", "model.safetensors.index.json"


def snapshot(repository: str, revision: str | None, judge: Judge, watch: Watch = NOBODY) -> Path:
    """The folder of a Hub repository; what is not in the cache is downloaded.

    What is wholly in the cache is taken from there without asking the network. The weights are fetched last,
    and only once `judge` has seen the rest.

    Args:
        repository: "owner/name".
        revision: a commit, tag or branch; None for the main branch.
        judge: may raise before the weights are fetched.
        watch: told about progress, and asked whether to stop.

    Returns:
        A folder of config, tokenizer and safetensors.

    Raises:
        UnknownModelError: no such repository or revision.
        InstallError: no network, no permission, no room.
    """
    from huggingface_hub import HfApi, hf_hub_download

    with _in_words(repository, revision):
        cached = _cached(repository, revision)
        if cached is not None:
            return cached
        watch.tell("asking the Hugging Face Hub", 0, None, "")
        found = HfApi().model_info(repository, revision=revision, files_metadata=True, timeout=15)
        sizes = {file.rfilename: file.size or 0 for file in found.siblings or ()}
        top = [name for name in sizes if "/" not in name]

        def fetch(name: str) -> Path:
            watch.stop()
            # one by its branch or tag, so that the cache knows which commit that is; all others by commit
            at = revision if name == "config.json" else found.sha or revision
            return Path(hf_hub_download(repository, name, revision=at, tqdm_class=_bar(watch, name)))

        small = [fetch(name) for name in top if name.endswith(_SMALL)]
        if not any(path.name == "config.json" for path in small):
            raise UnknownModelError(f'"{repository}" holds no config.json: it is no model.')
        folder = small[0].parent
        judge(folder, top)
        weights = _weights(folder, top)
        need_room(folder, sum(sizes.get(name, 0) for name in weights))
        for name in weights:
            fetch(name)
        return folder


def _cached(repository: str, revision: str | None) -> Path | None:
    """The snapshot's folder where it is wholly in the cache."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(repository, "config.json", revision=revision)
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    names = [path.name for path in folder.iterdir()]
    weights = _weights(folder, names)
    return folder if weights and set(weights) <= set(names) else None


def _weights(folder: Path, names: Sequence[str]) -> list[str]:
    """The safetensors files that make up the model; none where it has none."""
    if _INDEX in names:
        shards = json.loads((folder / _INDEX).read_text("utf-8"))["weight_map"].values()
        return sorted({str(shard) for shard in shards if "/" not in shard and "\\" not in shard})
    return [_WHOLE] if _WHOLE in names else []


def _bar(watch: Watch, name: str) -> Any:
    """A progress bar class, as huggingface_hub wants one, that draws nothing and tells the watcher."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        def __init__(self, *_: Any, total: float | None = None, initial: float = 0, **__: Any) -> None:
            super().__init__(disable=True)
            self._there, self._all = initial or 0, total

        def update(self, n: float | None = 1) -> None:
            watch.stop()
            self._there += n or 0
            watch.tell(f"downloading {name}", self._there, self._all, "bytes")

    return Bar


@contextmanager
def _in_words(repository: str, revision: str | None) -> Generator[None]:
    """Says in one sentence what the Hub, the network or the disk refuses."""
    from huggingface_hub import errors as hub

    try:
        yield
    except GPTWidgetsError:
        raise
    except hub.GatedRepoError:
        raise InstallError(
            f'"{repository}" is given only to those who accept its licence: do so at '
            f"https://huggingface.co/{repository}, and log in with `hf auth login`."
        ) from None
    except hub.RevisionNotFoundError:
        raise UnknownModelError(f'"{repository}" has no revision "{revision}".') from None
    except hub.RepositoryNotFoundError:
        raise UnknownModelError(
            f'The Hugging Face Hub has no model "{repository}"; if it is private, run `hf auth login`.'
        ) from None
    except hub.HFValidationError:
        raise UnknownModelError(f'"{repository}" is no Hugging Face id ("owner/name").') from None
    except Exception as error:  # requests, httpx, urllib3, xet: each has a tree of its own
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise InstallError(no_room(Path.home(), None)) from None
        first = str(error).strip().split("\n")[0] or type(error).__name__
        raise InstallError(
            f'"{repository}" could not be fetched from the Hugging Face Hub, and is not in its cache here: '
            f"{first}. Is there a network? A local folder or a .gguf file works without."
        ) from None
