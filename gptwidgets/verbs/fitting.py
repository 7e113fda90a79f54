"""Whether a model fits on this machine, from its configuration alone: without its weights or torch."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gptwidgets.errors import StoreError, UnknownModelError
from gptwidgets.kernel import needs
from gptwidgets.kernel.memory import gigabytes
from gptwidgets.kernel.shape import Shape, get, text_part
from gptwidgets.store.folders import manifest
from gptwidgets.verbs.places import BYTES, Place, dtype_at, places

if TYPE_CHECKING:
    import torch

WORKSPACE = 34_000_000  # cuBLAS's, on a GPU


@dataclass(frozen=True)
class Fit:
    """What a model takes, and whether that is there. Bytes.

    Attributes:
        name: the model's.
        weights: its parameters.
        cache: keys and values of what it has read and written, with room to grow.
        recorded: queries, keys and values of a recorded text, for its attention; 0 with record=False.
        working: the widest moment of reading; on the CPU also the libraries and the tokenizer.
        total: all of that.
        peak: the most that the process will show: a file in another dtype lies in memory, too, while its
            weights are converted. The system takes that back where it is short, so it decides nothing.
        free: what there is.
        fits: whether it fits.
        device: "cpu", "cuda:0", "mps".
        where: a sentence: the device, and how much is free there.
        why: a sentence: what it needs, whether it fits, and what to do where it does not.
        dtype: the arithmetic.
        context: tokens that are read and written.
        batch: sequences that are written at once.
        estimate: whether its configuration was unknown, so that a typical one was taken.
    """

    name: str
    weights: int
    cache: int
    recorded: int
    working: int
    total: int
    peak: int
    free: int
    fits: bool
    device: str
    where: str
    why: str
    dtype: str
    context: int
    batch: int
    estimate: bool

    def __str__(self) -> str:
        return self.why


def fit(
    config: Mapping[str, Any] | str | os.PathLike[str] | None,
    *,
    name: str = "this model",
    parameters: int | None = None,
    context: int | None = None,
    batch: int = 1,
    dtype: str | torch.dtype = "auto",
    record: bool = True,
    device: str | torch.device = "auto",
    checkpoint: str | None = None,
    at: Sequence[Place] | None = None,
) -> Fit:
    """Whether a model fits on a device of this machine, within what this process may have of it.

    Args:
        config: what its config.json says, or its folder; None where that is unknown, for an estimate.
        name: what to call it.
        parameters: how many numbers it has; counted where that is not given, which loads torch.
        context: tokens to read and write; by default 1,024, or less where it was trained on less.
        batch: sequences to write at once.
        dtype: "auto" (float32 on the CPU up to a billion parameters, else its files'), or one by name.
        record: whether a text of that length has its attention recorded.
        device: "auto" (the first of CUDA, MPS and CPU where it fits), or one by name.
        checkpoint: the dtype of its files, where the configuration does not say it.
        at: what `places(device)` said, for many models at one moment.

    Returns:
        The bytes, the verdict, and the reasons in words.

    Raises:
        StoreError: neither a configuration nor a number of parameters is known.
        UnknownModelError: no such folder, or no config.json in it.
        UnsupportedModelError: the parameters had to be counted, and transformers cannot build the model.
        ValueError, TypeError: an option that means nothing.

    Example:
        >>> gpt2 = {"model_type": "gpt2", "n_layer": 12, "n_head": 12, "n_embd": 768, "vocab_size": 50257}
        >>> fit(gpt2, parameters=124_439_808, device="cpu", dtype="float32").weights
        497759232
    """
    _positive("batch", batch)
    if context is not None:
        _positive("context", context)
    if not isinstance(config, Mapping) and config is not None:
        config, parameters = _read(Path(config).expanduser(), parameters)
    config = config or {}
    shape, parameters, estimate = _shape(config, parameters, name)
    checkpoint = _known(checkpoint) or _known(_said(config))
    T = context or min(needs.TYPICAL_LENGTH, shape.context or needs.TYPICAL_LENGTH)
    tries: list[Fit] = []
    for place in places(device) if at is None else at:
        chosen = dtype_at(dtype, place.kind, parameters, checkpoint)
        found = needs.reckon(
            shape,
            needs.Habits.of(config),
            parameters=parameters,
            itemsize=BYTES[chosen],
            tokens=T,
            batch=batch,
            cache=True,
            record=record,
            chunk=needs.CHUNK if place.kind == "cpu" else needs.LARGE_CHUNK,
        )
        here = place.kind == "cpu" and "torch" in sys.modules  # what is free knows of it
        besides = needs.process(shape) if place.kind == "cpu" else WORKSPACE
        total = found.total + besides
        mapped = parameters * BYTES[checkpoint] if checkpoint and checkpoint != chosen else 0
        needed = total - (needs.LIBRARIES if here else 0)
        fits = needed <= place.memory.free
        tries.append(
            Fit(
                name=name,
                weights=found.weights,
                cache=found.cache,
                recorded=found.recorded,
                working=found.working + besides,
                total=total,
                peak=max(total, found.weights + besides + mapped) if place.kind == "cpu" else total,
                free=place.memory.free,
                fits=fits,
                device=place.device,
                where=f"On {place.words}: {gigabytes(place.memory.free)} is {place.memory.where}.",
                why=_why(name, needed, chosen, place, T=T, fits=fits, trained=shape.context)
                + (_ESTIMATE.format(parameters=parameters) if estimate else ""),
                dtype=chosen,
                context=T,
                batch=batch,
                estimate=estimate,
            )
        )
        if fits:
            return tries[-1]
    return max(tries, key=lambda tried: tried.free - tried.total)


_ESTIMATE = " This is an estimate from its {parameters:,} parameters: its configuration is not known."


def _shape(config: Mapping[str, Any], parameters: int | None, name: str) -> tuple[Shape, int, bool]:
    """The model's numbers, how many parameters it has, and whether that had to be guessed."""
    shape = Shape.of(config)
    if not shape.complete and config.get("model_type"):
        shape = _built(config) or shape
    if shape.complete:
        return shape, _count(config) if parameters is None else parameters, False
    if parameters is None:
        raise StoreError(
            f"Whether {name} fits cannot be said: neither its configuration nor the number of its parameters "
            "is known; install it, or give parameters=…."
        )
    return needs.typical(parameters), parameters, True


def _configuration(config: Mapping[str, Any]) -> Any:
    """The configuration as transformers reads it, which knows what a file may leave out."""
    from transformers import AutoConfig

    rest = {key: value for key, value in config.items() if key != "model_type"}
    return AutoConfig.for_model(config["model_type"], **rest)


def _built(config: Mapping[str, Any]) -> Shape | None:
    try:
        return Shape.of(_configuration(config))
    except Exception:  # whatever a config.json holds: transformers' checks have exceptions of many kinds
        return None


def _count(config: Mapping[str, Any]) -> int:
    from gptwidgets.errors import UnsupportedModelError
    from gptwidgets.kernel.fit import count_parameters

    try:
        configuration = _configuration(config)
    except Exception as error:  # as above
        kind, first = config.get("model_type"), str(error).strip().split("\n")[0]
        raise UnsupportedModelError(f"transformers cannot build this {kind}: {first}") from None
    return count_parameters(configuration)


def _read(folder: Path, parameters: int | None) -> tuple[Mapping[str, Any], int | None]:
    """A folder's configuration, and how many parameters its manifest says it has."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        config = None
    if not isinstance(config, Mapping):
        raise UnknownModelError(f'There is no config.json to be read in "{folder}": give a model\'s folder.')
    said = (manifest(folder) or {}).get("parameters")
    return config, said if parameters is None and isinstance(said, int) else parameters


def _said(config: Mapping[str, Any]) -> str | None:
    """The dtype that a configuration says its files have."""
    for part in (config, text_part(config)):
        for key in ("dtype", "torch_dtype"):
            if isinstance(get(part, key), str):
                return get(part, key)
    return None


def _known(dtype: str | None) -> str | None:
    return dtype if dtype in BYTES else None


def _why(name: str, needed: int, dtype: str, place: Place, *, T: int, fits: bool, trained: int | None) -> str:
    """The verdict in words."""
    who = "This model" if name == "this model" else name
    said = (
        f"{who} {'fits' if fits else 'does not fit'} on {place.words}: it needs about "
        f"{gigabytes(needed)} in {dtype} for {T:,} tokens, and {gigabytes(place.memory.free)} is "
        f"{place.memory.where}."
    )
    if not fits:
        shorter = "" if T <= 128 else ", a shorter context"
        narrower = ', dtype="bfloat16"' if BYTES[dtype] > 2 else ""
        said += (
            f" Close other models (gpt.close()) and notebooks, or choose a smaller model{narrower}{shorter}."
        )
    if trained is not None and trained < T:
        said += f" It was trained to read {trained:,} tokens at once."
    return said


def _positive(option: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{option} must be a whole number, not {value!r}.")
    if value < 1:
        raise ValueError(f"{option} must be at least 1, not {value}.")
