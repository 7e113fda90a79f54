"""Work in a process of its own, watched from here: it neither stalls nor endangers the notebook's kernel.

The parent writes one line of JSON to the child's standard input, the arguments. The child answers in lines of
JSON: `{"stage", "done", "total", "unit"}` as it goes on, and at last `{"result": …}` or
`{"error": {"type", "message"}}`. It ends when its standard input does, so that it never outlives its parent.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from gptwidgets import errors
from gptwidgets.store.folders import NOBODY, Watch

# Reports of progress are a few dozen a second at most: each is a line that the parent reads.
_EVERY = 0.05


def run_child(
    module: str,
    arguments: Mapping[str, Any],
    watch: Watch = NOBODY,
    *,
    what: str = "this work",
    killed: str = "most likely because memory ran out: close other notebooks and try again",
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Runs `python -m module` and waits for its result.

    Args:
        module: one that ends in `serve(work)`.
        arguments: what the work gets, as JSON.
        watch: told what the child reports, and asked ten times a second whether to stop.
        what: the work in words, for errors: "the conversion of a.gguf".
        killed: why the system may have ended it, and what to do.
        environment: variables that the child has besides this process's.

    Returns:
        What the work returned.

    Raises:
        GPTWidgetsError: of the kind that the work raised; OutOfMemory where the system killed the child;
            InstallError where it crashed.

    Example:
        >>> from gptwidgets.store.children import run_child
        >>> files = {"source": "my.gguf", "folder": "my-model"}
        >>> run_child("gptwidgets.verbs.convert_child", files)["dtype"]         # doctest: +SKIP
        'float32'
    """
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,  # its end tells the process that we are gone
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**_environment(), **(environment or {})},
            # Jupyter interrupts a kernel's whole group of processes: who stops a cell does not stop a job
            # that goes on behind it. The work of that very cell is ended by `finally`.
            start_new_session=True,
        )
        try:
            _ask(process, arguments)
            answer = _follow(process, watch)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    _close(pipe)
        if answer is None:
            complaints.seek(0)
            said = complaints.read().decode("utf-8", "replace")
            raise _died(what, killed, process.returncode, said)
    if "error" in answer:
        raise _error(answer["error"])
    return answer["result"]


def serve(
    work: Callable[[dict[str, Any], Watch], dict[str, Any]],
    words: Callable[[Exception, dict[str, Any]], errors.GPTWidgetsError] | None = None,
) -> int:
    """The child's side: does the work with the arguments that come, and answers.

    Args:
        work: (arguments, watch) -> result, both of plain JSON.
        words: turns an exception that is none of ours into one of ours.

    Returns:
        The exit status.
    """
    # Whatever prints by the way, Python or a library's C, does not mix with the answers.
    answers = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr

    def say(message: dict[str, Any]) -> None:
        line = json.dumps(message).encode() + b"\n"
        while line:
            line = line[os.write(answers, line) :]

    asked = sys.stdin.readline()
    if not asked:
        return 1
    threading.Thread(target=_end_with_parent, daemon=True).start()
    arguments: dict[str, Any] = json.loads(asked)
    try:
        result = work(arguments, Watch(tell=_seldom(say)))
    except Exception as error:  # whatever it is, the parent is told
        known = error if isinstance(error, errors.GPTWidgetsError) else None
        if known is None and words is not None:
            known = words(error, arguments)
        if known is None:
            raise  # its last line is the parent's sentence
        say({"error": {"type": type(known).__name__, "message": str(known)}})
        return 1
    say({"result": result})
    return 0


def _seldom(say: Callable[[dict[str, Any]], None]) -> Callable[[str, float, float | None, str], None]:
    """Reports that come quickly after each other are left out, but for the first and last of a stage."""
    last_stage, last_time = "", 0.0

    def tell(stage: str, done: float, total: float | None, unit: str) -> None:
        nonlocal last_stage, last_time
        now = time.monotonic()
        if stage != last_stage or done == total or now - last_time >= _EVERY:
            last_stage, last_time = stage, now
            say({"stage": stage, "done": done, "total": total, "unit": unit})

    return tell


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def _ask(process: subprocess.Popen[bytes], arguments: Mapping[str, Any]) -> None:
    if process.stdin is not None:
        with suppress(BrokenPipeError):  # it has ended already; how, its status tells
            process.stdin.write(json.dumps(dict(arguments)).encode() + b"\n")
            process.stdin.flush()


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
        if line.endswith(b"\n"):  # half a line is the last word of a process that was killed
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


def _close(pipe: IO[bytes]) -> None:
    with suppress(BrokenPipeError):  # what was not read yet
        pipe.close()


def _environment() -> dict[str, str]:
    """This process's, with the place from which gptwidgets itself was imported."""
    root = str(Path(__file__).parents[2])
    known = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{known}" if known else root, "PYTHONUTF8": "1"}


def _error(told: Mapping[str, str]) -> errors.GPTWidgetsError:
    kind = getattr(errors, told["type"], None)
    if not isinstance(kind, type) or not issubclass(kind, errors.GPTWidgetsError):
        kind = errors.InstallError
    return kind(told["message"])


def _died(what: str, killed: str, status: int, complaints: str) -> errors.GPTWidgetsError:
    """The sentence for a process that ended without a word: killed or crashed."""
    if status == -9:
        return errors.OutOfMemory(f"The system ended {what}, {killed}.")
    last = [line for line in complaints.splitlines() if line.strip()][-1:]
    return errors.InstallError(
        f"{what[:1].upper()}{what[1:]} crashed ({''.join(last) or f'status {status}'})."
    )
