"""Converting a GGUF file in a process of its own, watched from here."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from gptwidgets import errors
from gptwidgets.store.folders import NOBODY, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    command = [sys.executable, "-m", "gptwidgets.kernel.convert", str(source), str(folder)]
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # its end tells the process that we are gone
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=_environment(),
        )
        try:
            result = _follow(process, watch)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        if result is None:
            complaints.seek(0)
            raise _died(source, process.returncode, complaints.read().decode("utf-8", "replace"))
    if "error" in result:
        kind = getattr(errors, result["error"]["type"], errors.InstallError)
        raise kind(result["error"]["message"])
    return result["result"]


def _follow(process: subprocess.Popen[bytes], watch: Watch) -> dict[str, Any] | None:
    """Passes the reports on until the process says how it ended; None where it ends without a word."""
    if process.stdout is None:
        return None
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_pump, args=(process.stdout, lines), daemon=True).start()
    for line in _until_end(lines, watch):
        message = json.loads(line)
        if "stage" not in message:
            return message
        watch.tell(message["stage"], message["done"], message["total"], message["unit"])
    process.wait()
    return None


def _pump(pipe: IO[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    for line in pipe:
        lines.put(line)
    lines.put(b"")


def _until_end(lines: queue.SimpleQueue[bytes], watch: Watch) -> Iterator[bytes]:
    while True:
        watch.stop()
        try:
            line = lines.get(timeout=0.1)
        except queue.Empty:
            continue
        if not line:
            return
        yield line


def _environment() -> dict[str, str]:
    """This process's, with the place from which gptwidgets itself was imported."""
    root = str(Path(__file__).parents[2])
    known = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{known}" if known else root, "PYTHONUTF8": "1"}


def _died(source: Path, status: int, complaints: str) -> errors.GPTWidgetsError:
    """The sentence for a process that ended without a word: killed for its memory, or a crash."""
    if status == -9:
        return errors.OutOfMemory(
            f"The system ended the conversion of {source.name}, most likely because memory ran out: "
            "close other notebooks and load it again."
        )
    last = [line for line in complaints.splitlines() if line.strip()][-1:]
    return errors.InstallError(
        f"The conversion of {source.name} crashed ({''.join(last) or f'status {status}'})."
    )
