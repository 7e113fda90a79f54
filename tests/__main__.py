"""All checks and all tests: `python -m tests`, or `make test`.

A step that fails does not stop the others; what it said is printed, and the last line says which failed.
What takes seconds comes first, what takes a minute runs beside the tests: those of the package and the
notebooks, each with one thread, then those in browsers; in one process more than there are cores, since some
wait, and four at most.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
PYTHON = sys.executable
NPM = [PYTHON, "front_end.py", "run"]

FIRST = {
    "ruff: rules": [PYTHON, "-m", "ruff", "check", "."],
    "ruff: format": [PYTHON, "-m", "ruff", "format", "--check", "."],
    "import-linter": [str(Path(PYTHON).parent / "lint-imports"), "--no-cache"],
    "bundle and its budget": [*NPM, "budget"],  # which the tests use
}
CHECKS = {
    "biome and tsc": [*NPM, "check"],
    "pyright": [PYTHON, "-m", "pyright"],
    "vitest": [*NPM, "test"],
}
NBVAL = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600"]
PROCESSES = min(4, (os.cpu_count() or 1) + 1)
SIDE_BY_SIDE = [f"--numprocesses={PROCESSES}", "--dist=loadfile", "--no-loadscope-reorder"]
PYTEST = [PYTHON, "-m", "pytest"]
TESTS = {
    "pytest, the package and the notebooks": [
        *NBVAL,
        *SIDE_BY_SIDE,
        "notebooks",
        "tests",
        "--ignore=tests/e2e",
    ],
    "pytest, in the browser": [*SIDE_BY_SIDE, "tests/e2e"],
}


def main() -> int:
    failed = [name for name, command in FIRST.items() if not passes(name, command)]
    with ThreadPoolExecutor(1) as beside:
        checks = {name: beside.submit(passes, name, command) for name, command in CHECKS.items()}
        for name, options in TESTS.items():
            print(f"--- {name}", flush=True)
            threads = {"OMP_NUM_THREADS": "1"} if "notebooks" in options else {}
            if subprocess.run(
                [*PYTEST, *options], cwd=ROOT, env={**os.environ, **threads}, check=False
            ).returncode:
                failed.append(name)
    failed += [name for name, check in checks.items() if not check.result()]
    print(f"FAILED: {', '.join(failed)}" if failed else "every check and every test passed", flush=True)
    return len(failed)


def passes(name: str, command: list[str]) -> bool:
    """Run one check; print its output only where it fails."""
    start = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    verdict = "FAILED" if done.returncode else "ok"
    print(f"\n--- {name} {verdict} ({time.monotonic() - start:.0f} s)", flush=True)
    if done.returncode:
        print(done.stdout + done.stderr, flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
