"""All checks and all tests: `python -m tests`, or `make test`.

A step that fails does not stop the others; what it said is printed, and the last line says which failed.
pytest comes last, so that its own summaries stand at the end of the page: first the package and the notebooks
in as many processes as there are cores, each with one thread; then two browsers side by side, since one waits
half of its time for kernels that start.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
PYTHON = sys.executable
NPM = [PYTHON, "front_end.py", "run"]

CHECKS = {
    "ruff: rules": [PYTHON, "-m", "ruff", "check", "."],
    "ruff: format": [PYTHON, "-m", "ruff", "format", "--check", "."],
    "pyright": [PYTHON, "-m", "pyright"],
    "import-linter": [str(Path(PYTHON).parent / "lint-imports"), "--no-cache"],
    "biome and tsc": [*NPM, "check"],
    "bundle and its budget": [*NPM, "budget"],
    "vitest": [*NPM, "test"],
}
NBVAL = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600"]
SIDE_BY_SIDE = ["--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile"]
TWO = ["--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder"]
PYTEST = [PYTHON, "-m", "pytest"]
TESTS = {
    "pytest, the package and the notebooks": [
        *NBVAL,
        *SIDE_BY_SIDE,
        "notebooks",
        "tests",
        "--ignore=tests/e2e",
    ],
    "pytest, in the browser": [*TWO, "tests/e2e"],
}


def main() -> int:
    failed = [name for name, command in CHECKS.items() if not passes(name, command)]
    for name, options in TESTS.items():
        print(f"--- {name}", flush=True)
        threads = {"OMP_NUM_THREADS": "1"} if SIDE_BY_SIDE[0] in options else {}
        if subprocess.run(
            [*PYTEST, *options], cwd=ROOT, env={**os.environ, **threads}, check=False
        ).returncode:
            failed.append(name)
    print(f"FAILED: {', '.join(failed)}" if failed else "every check and every test passed", flush=True)
    return len(failed)


def passes(name: str, command: list[str]) -> bool:
    """Run one check; print its output only where it fails."""
    print(f"--- {name} ", end="", flush=True)
    start = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    verdict = "FAILED" if done.returncode else "ok"
    print(f"{verdict} ({time.monotonic() - start:.0f} s)", flush=True)
    if done.returncode:
        print(done.stdout + done.stderr, flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
