"""Converting a GGUF file in a process of its own: it takes several times its memory for half a minute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gptwidgets.store.children import run_child
from gptwidgets.store.folders import NOBODY, Watch


def convert(source: Path, folder: Path, watch: Watch = NOBODY) -> dict[str, Any]:
    """Converts a GGUF file to a folder of safetensors; see `gptwidgets.kernel.convert`.

    Args:
        source: the .gguf file.
        folder: where the model goes.
        watch: told about progress, and asked whether to stop.

    Returns:
        Facts about the result: architecture, parameters, dtype, quantisation, digest of the weights.

    Raises:
        UnsupportedModelError, DoesNotFitError, OutOfMemory, InstallError: each says what to do.
    """
    return run_child(
        "gptwidgets.verbs.convert_child",
        {"source": str(source), "folder": str(folder)},
        watch,
        what=f"the conversion of {source.name}",
        killed="most likely because memory ran out: close other notebooks and load it again",
    )
