"""Where a model runs, in which arithmetic, and how much memory there is for it.

A device is a `torch.device`; memory is counted in bytes.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import torch

from gptwidgets.errors import OutOfMemory
from gptwidgets.kernel.forgetting import forget_frames
from gptwidgets.kernel.memory import Memory, cgroup_free, on_machine
from gptwidgets.kernel.memory import gigabytes as gigabytes  # noqa: PLC0414 - known under this name, too

if TYPE_CHECKING:
    from collections.abc import Generator

BILLION = 1_000_000_000
_DTYPES = {
    "float32": torch.float32,
    "fp32": torch.float32,
    "bfloat16": torch.bfloat16,
    "bf16": torch.bfloat16,
    "float16": torch.float16,
    "fp16": torch.float16,
}


def candidates(device: object) -> list[torch.device]:
    """The devices to try, best first.

    Args:
        device: "auto" for CUDA (the GPU with the most free memory), then MPS, then the CPU; or one by name.

    Raises:
        ValueError: the name means no device of this kernel.
        TypeError: neither a name nor a `torch.device`.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if isinstance(device, str) and device == "auto":
        found = [torch.device("cpu")]
        if mps:
            found.insert(0, torch.device("mps"))
        if cuda:
            gpus = range(torch.cuda.device_count())
            best = max(gpus, key=lambda i: available(torch.device("cuda", i)).free)
            found.insert(0, torch.device("cuda", best))
        return found
    if not isinstance(device, str | torch.device):
        raise TypeError(f'device must be "auto", "cpu", "cuda", "mps" or a torch.device, not {device!r}.')
    try:
        wanted = torch.device(device)
    except RuntimeError:
        raise ValueError(f'There is no device "{device}"; use "auto", "cpu", "cuda" or "mps".') from None
    here = {"cpu": True, "cuda": cuda, "mps": mps}.get(wanted.type, False)
    if here and wanted.type == "cuda":
        if ":" not in str(wanted):
            wanted = torch.device("cuda", torch.cuda.current_device())
        here = wanted.index < torch.cuda.device_count()
    if not here:
        others = ", ".join(f'"{d}"' for d in candidates("auto"))
        raise ValueError(
            f'This kernel has no device "{wanted}"; it has {others}. Use device="auto" to choose.'
        )
    return [wanted]


def pick_dtype(
    dtype: object, device: torch.device, parameters: int, checkpoint: torch.dtype | None
) -> tuple[torch.dtype, str]:
    """The arithmetic to load a model in.

    Args:
        dtype: "auto", "float32", "bfloat16", "float16" or a torch dtype.
        device: where the model will be.
        parameters: how many numbers the model has.
        checkpoint: what its files hold, where known.

    Returns:
        The dtype and why, in a few words.
    """
    if isinstance(dtype, torch.dtype):
        if not dtype.is_floating_point:
            raise ValueError(f"A model cannot be loaded as {dtype}; use float32, bfloat16 or float16.")
        return dtype, "as asked for"
    if not isinstance(dtype, str):
        raise TypeError(f'dtype must be "auto", a name such as "bfloat16" or a torch.dtype, not {dtype!r}.')
    if dtype != "auto":
        if dtype not in _DTYPES:
            raise ValueError(f'There is no dtype "{dtype}"; use "auto", "float32", "bfloat16" or "float16".')
        return _DTYPES[dtype], "as asked for"
    if device.type == "cpu" and parameters <= BILLION:
        return torch.float32, "the most exact one, and quick up to a billion parameters"
    return checkpoint or torch.float32, "as in its files"


def name_of(dtype: torch.dtype) -> str:
    """'float32' rather than 'torch.float32'."""
    return str(dtype).removeprefix("torch.")


def describe(device: torch.device) -> str:
    """A device as people know it: 'NVIDIA H200 (cuda:0)', 'the CPU'."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} ({device})"
    return {"cpu": "the CPU", "mps": "Apple's GPU (mps)"}.get(device.type, str(device))


def available(device: torch.device) -> Memory:
    """How much memory a device has free, for this process."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # What the caching allocator holds but does not use is free for us, too.
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return Memory(free + cached, f"free on {describe(device)}")
    if device.type == "mps":
        free = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return Memory(max(0, min(free, psutil.virtual_memory().available)), f"free on {describe(device)}")
    return on_machine(cgroup_free())


def is_out_of_memory(error: BaseException) -> bool:
    """True where an exception means that memory ran out, whichever allocator said it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error).lower()
    signs = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")
    return isinstance(error, RuntimeError | OSError) and any(sign in said for sign in signs)


def release() -> None:
    """Collects garbage and gives the allocators' unused memory back."""
    gc.collect()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


@contextmanager
def memory_in_words(sentence: str) -> Generator[None]:
    """Turns "out of memory" into OutOfMemory with a sentence, once what was begun has been dropped.

    Args:
        sentence: what to tell the user, and what to do.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, OutOfMemory) or not is_out_of_memory(error):
            raise
        forget_frames(error)  # the frames hold the tensors that were too many
    else:
        return
    release()
    raise OutOfMemory(sentence)
