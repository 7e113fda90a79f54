"""The process that converts a GGUF file; `converting.py` starts it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

from gptwidgets import errors
from gptwidgets.store.children import serve
from gptwidgets.store.folders import Watch


def _work(arguments: dict[str, Any], watch: Watch) -> dict[str, Any]:
    from gptwidgets.kernel.convert import convert as in_this_process

    logging.disable(logging.WARNING)
    return in_this_process(
        Path(arguments["source"]),
        Path(arguments["folder"]),
        lambda report: watch.tell(report.stage, report.done, report.total, report.unit),
    )


def _in_words(error: Exception, arguments: dict[str, Any]) -> errors.GPTWidgetsError:
    from gptwidgets.kernel.device import is_out_of_memory

    name = Path(arguments["source"]).name
    if is_out_of_memory(error):
        return errors.OutOfMemory(f"Memory ran out while {name} was converted: close other notebooks.")
    return errors.InstallError(f"{name} could not be converted: {error}")


if __name__ == "__main__":
    sys.exit(serve(_work, _in_words))
