"""The process that tries a model before it is published; `checking.py` starts it."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gptwidgets.errors import GPTWidgetsError
from gptwidgets.store.children import serve
from gptwidgets.store.folders import Watch
from gptwidgets.verbs.checking import NAMES

if TYPE_CHECKING:
    from gptwidgets.kernel.gpt import GPT

TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "It was the best of times, it was the worst of times.",
)
TOKENS = 8  # written


def _work(arguments: dict[str, Any], watch: Watch) -> dict[str, Any]:
    from gptwidgets.kernel.folder import load_folder

    logging.disable(logging.WARNING)
    _hold(arguments["memory"])
    watch.tell("loading", 0, len(NAMES), "checks")
    try:
        gpt = load_folder(Path(arguments["folder"]), name=arguments["name"], device="cpu", dtype="auto")
    except Exception as error:
        reason = f"It cannot be loaded: {_first(error)}"
        return {"results": [[NAMES[0], False, reason]] + [[name, False, "Not tried."] for name in NAMES[1:]]}
    results: list[list[Any]] = [[NAMES[0], True, gpt.why]]
    for n, (name, trial) in enumerate(zip(NAMES[1:], (_finite, _given_back, _writes), strict=True), 1):
        watch.tell(name, n, len(NAMES), "checks")
        try:
            passed, reason = trial(gpt)
        except Exception as error:
            passed, reason = False, f"It fails: {_first(error)}"
        results.append([name, passed, reason])
    return {"results": results}


def _hold(most: int) -> None:
    """Keeps a model from taking the memory that the notebook needs: not more than so many bytes."""
    if sys.platform != "linux":
        return
    import resource

    with suppress(OSError, ValueError):  # a limit that is there already may be lower
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    with suppress(OSError):  # where the whole machine's runs out, this process goes first
        Path("/proc/self/oom_score_adj").write_text("1000")


def _finite(gpt: GPT) -> tuple[bool, str]:
    import numpy as np

    for text in TEXTS:
        if not np.isfinite(gpt.next_logits(text)).all():
            return (
                False,
                "A logit is infinite or no number: look for an overflow in its weights, and save it anew.",
            )
    return True, f"All logits are numbers, after {len(TEXTS)} texts."


def _given_back(gpt: GPT) -> tuple[bool, str]:
    for text in TEXTS:
        ids: list[int] = gpt.tokenizer(text, add_special_tokens=False)["input_ids"]
        back = str(gpt.tokenizer.decode(ids))
        if "".join(back.lower().split()) != "".join(text.lower().split()):
            return (
                False,
                f'"{text}" comes back as "{back[:60]}": save the tokenizer that belongs to the model.',
            )
    return True, "A text that was cut into tokens comes back as it was."


def _writes(gpt: GPT) -> tuple[bool, str]:
    from gptwidgets.kernel.sampling import Sampling

    runs = [gpt.generate(text, Sampling(temperature=0, max_new_tokens=TOKENS)) for text in TEXTS]
    if not any(set(run.ids) - gpt.end_ids for run in runs):
        return False, "It writes nothing: its first token is the one that ends a text; look at eos_token_id."
    return True, f"It wrote {sum(len(run.ids) for run in runs)} tokens."


def _first(error: BaseException) -> str:
    return (str(error).strip().split("\n")[0] or type(error).__name__)[:300]


def _in_words(error: Exception, _arguments: dict[str, Any]) -> GPTWidgetsError:
    return GPTWidgetsError(f"The model could not be checked: {_first(error)}")


if __name__ == "__main__":
    sys.exit(serve(_work, _in_words))
