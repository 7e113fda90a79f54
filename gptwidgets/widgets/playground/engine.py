"""What a playground asks of the model behind it: a GPT in this kernel, or one that is served elsewhere."""

from __future__ import annotations

from functools import cache
from typing import Any

from gptwidgets.errors import ClosedError, TextError
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.widgets.playground.settings import as_told

ASKED = ("stream", "can", "cannot", "closed", "on_close", "_model_worker")
FEATURES = ("text", "ids", "logits", "alternatives", "score", "beams", "attention", "chat", "seed", "n")


def checked_engine(engine: Any) -> Any:
    """Checks that something can write.

    Raises:
        TypeError: it is no GPT.
        ClosedError: it was closed.
        TextError: it is an encoder, which does not write.
    """
    if engine is None or not all(hasattr(engine, name) for name in ASKED):
        raise TypeError(
            "A Playground needs a GPT: gw.Playground(gw.load()), or gw.connect(…) for one elsewhere."
        )
    if engine.closed:
        raise ClosedError(f"{engine.name} is closed; {again(engine)}.")
    if not getattr(engine, "causal", True):
        raise TextError(engine.cannot("text"))
    return engine


def again(engine: Any) -> str:
    """What to do once it was closed, as half a sentence."""
    return getattr(engine, "again", "load it again with gw.load()")


def needs(engine: Any, what: str) -> None:
    """Says in words where an engine cannot do something.

    Raises:
        TextError: with the engine's own sentence.
    """
    if what not in engine.can:
        raise TextError(engine.cannot(what))


def describe(engine: Any) -> dict[str, Any]:
    """The trait `info`."""
    config = getattr(engine, "config", None)
    return as_told(
        {
            "name": engine.name,
            "context_length": getattr(engine, "context_length", None),
            "vocabulary": getattr(config, "vocab_size", None),
            "chat": "chat" in engine.can,
            "device": str(getattr(engine, "device", "")),
            "dtype": str(getattr(engine, "dtype", "")).removeprefix("torch."),
            "can": sorted(engine.can),
            "cannot": {what: engine.cannot(what) for what in FEATURES if what not in engine.can},
            "memory": memory(engine),
        }
    )


def memory(engine: Any) -> int:
    """Bytes that are used now: on the GPU where the model is there, else by this process."""
    device = getattr(engine, "device", None)
    if getattr(device, "type", "") == "cuda":
        import torch

        return int(torch.cuda.memory_allocated(device))
    return int(_process().memory_info().rss)


@cache
def _process() -> Any:
    import psutil

    return psutil.Process()


def prompt_ids(engine: Any, source: Any) -> list[int]:
    """The ids that a prompt becomes, a chat's by the model's own template, ready for its answer.

    Raises:
        TextError: nothing to read, half characters, no chat template …
    """
    stream = engine.stream(source, Sampling(max_new_tokens=1), k=0)
    try:
        return list(stream.prompt_ids)
    finally:
        stream.close()


def as_text(source: Any) -> str:
    """A prompt as a person reads it."""
    if isinstance(source, str):
        return source
    return "".join(f"{message['role']}: {message['content']}\n\n" for message in source) + "assistant: "
