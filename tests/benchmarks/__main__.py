"""Runs the benchmarks and prints the table: `python -m tests.benchmarks --help`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.options import Options, cache_folder
from tests.benchmarks.parts import PARTS, measure
from tests.benchmarks.targets import Figures, compare, markdown, rows
from tests.benchmarks.timing import Sample, alone, machine


def main() -> int:
    arguments = parse()
    options = Options(
        arguments.model,
        arguments.quick,
        arguments.full,
        arguments.rounds,
        arguments.patience,
        arguments.memory * 1e9,
    )
    parts = arguments.only or [part for part in PARTS if part != "long" or options.full or options.quick]
    about, figures, failed = alone(machine), {}, []
    for part in parts:
        print(f"--- {part}", flush=True)
        start = time.monotonic()
        measured, error = alone(measure, part, options)
        figures |= measured
        if error:
            print(error, flush=True)
            failed.append(part)
        about |= {f"seconds_{part}": round(time.monotonic() - start), "load_after": psutil.getloadavg()[0]}
        table = save(arguments.out, about, options, figures)
    print(f"\n{table}\n\nSaved in {arguments.out}")
    if failed:
        print(f"FAILED: {', '.join(failed)}")
    return len(failed)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts")
    parser.add_argument("--model", help="a transformers folder (default: the default model)")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything works")
    parser.add_argument(
        "--full", action="store_true", help="peers at 256 and 512 tokens as well, and 32,768 of ours"
    )
    parser.add_argument("--rounds", type=int, default=9, help="how often each short thing is measured")
    parser.add_argument("--patience", type=float, default=180, help="seconds that a peer may take to paint")
    parser.add_argument("--memory", type=float, default=12, help="GB that a peer may take")
    parser.add_argument("--out", type=Path, default=cache_folder() / "results", help="folder for the figures")
    return parser.parse_args()


def save(out: Path, about: dict[str, Any], options: Options, figures: Figures) -> str:
    """Writes what there is so far, and returns the table."""
    lines = [line for row in rows() if (line := compare(row, figures))]
    head = ", ".join(f"{name} {value}" for name, value in about.items())
    note = ""
    if options.quick:
        note = "\n\n**Small sizes (--quick): that it works is all that this says.**"
        lines = [line | {"target": "", "met": ""} for line in lines]
    table = f"{head}{note}\n\n{markdown(lines)}"
    plain = {
        name: figure.values if isinstance(figure, Sample) else figure for name, figure in figures.items()
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "benchmarks.md").write_text(table + "\n", "utf-8")
    saved = {"about": about, "options": asdict(options), "figures": plain, "table": lines}
    (out / "benchmarks.json").write_text(json.dumps(saved, indent=1), "utf-8")
    return table


if __name__ == "__main__":
    sys.exit(main())
