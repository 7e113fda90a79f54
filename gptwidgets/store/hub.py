"""Models of the Hugging Face Hub, into Hugging Face's own cache: safetensors only, the weights last."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gptwidgets.errors import UnknownModelError
from gptwidgets.store.folders import NOBODY, Watch
from gptwidgets.store.hubfiles import INDEX, SMALL, WHOLE
from gptwidgets.store.hubinstall import Judge
from gptwidgets.store.hubwords import in_words
from gptwidgets.store.staging import need_room


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

    with in_words(repository, revision):
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

        small = [fetch(name) for name in top if name.endswith(SMALL)]
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
    if INDEX in names:
        shards = json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values()
        return sorted({str(shard) for shard in shards if "/" not in shard and "\\" not in shard})
    return [WHOLE] if WHOLE in names else []


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
