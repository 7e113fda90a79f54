"""All checks and all tests, one after the other: `python -m tests`, or `make test`.

A step that fails does not stop the others; what it said is printed, and the last line says which failed.
pytest comes last, so that its own summary stands at the end of the page.
"""

from __future__ import annotations

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
PYTEST = [PYTHON, "-m", "pytest", *NBVAL, "notebooks", "tests"]


def main() -> int:
    failed = [name for name, command in CHECKS.items() if not passes(name, command)]
    print("--- pytest, with the notebooks and the browser", flush=True)
    if subprocess.run(PYTEST, cwd=ROOT, check=False).returncode:
        failed.append("pytest")
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
