"""Where a model could run and in which arithmetic: as `gw.load` chooses, and mostly without torch."""

from __future__ import annotations

from typing import Any, NamedTuple

from gptwidgets.kernel import memory

BILLION = 1_000_000_000
BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
_SHORT = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


class Place(NamedTuple):
    """A device to try.

    Attributes:
        device: its name.
        kind: "cpu", "cuda", "mps".
        words: what people call it.
        memory: what it has.
    """

    device: str
    kind: str
    words: str
    memory: memory.Memory


def places(device: Any = "auto") -> list[Place]:
    """The devices to try and what is free there now, best first; without torch where there is but the CPU.

    Example:
        >>> places("cpu")[0].words
        'the CPU'
    """
    if str(device) == "cpu" or (device == "auto" and not memory.gpu_possible()):
        return [Place("cpu", "cpu", "the CPU", memory.on_machine(memory.cgroup_free()))]
    from gptwidgets.kernel import device as devices

    return [
        Place(str(found), found.type, devices.describe(found), devices.available(found))
        for found in devices.candidates(device)
    ]


def dtype_at(dtype: Any, kind: str, parameters: int, checkpoint: str | None) -> str:
    """The arithmetic, as `gw.load` chooses it."""
    if not isinstance(dtype, str):  # torch's own, and so torch is here
        from gptwidgets.kernel import device as devices

        dtype = devices.name_of(devices.pick_dtype(dtype, devices.torch.device(kind), parameters, None)[0])
    dtype = _SHORT.get(dtype, dtype)
    if dtype == "auto":
        if kind == "cpu" and parameters <= BILLION:
            return "float32"
        # a file of another kind, such as GGUF, is converted to this
        return checkpoint or ("float32" if parameters <= BILLION else "bfloat16")
    if dtype not in BYTES:
        raise ValueError(f'There is no dtype "{dtype}"; use "auto", "float32", "bfloat16" or "float16".')
    return dtype
