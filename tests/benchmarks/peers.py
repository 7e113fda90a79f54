"""BertViz and CircuitsVis: what their pages weigh, what they cost in Python, when they are painted."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.environment import peers_python
from tests.benchmarks.inputs import model_folder, token_ids
from tests.benchmarks.options import Options
from tests.benchmarks.painted import THERE, seconds_to_paint
from tests.benchmarks.timing import Sample, peak_memory

PEER = Path(__file__).with_name("peer.py")


def figures(options: Options) -> Iterator[tuple[str, Any]]:
    folder = model_folder(options)
    config = json.loads((folder / "config.json").read_text())
    heads = config["num_hidden_layers"] * config["num_attention_heads"]
    names = [32] if options.quick else [32, 128, *([256, 512] if options.full else [])]
    with tempfile.TemporaryDirectory() as temporary:
        ids_file, page = Path(temporary) / "ids.json", Path(temporary) / "page.html"
        for name in names:
            ids_file.write_text(json.dumps(token_ids(folder, options.size(name, 8))))
            for view in THERE:
                made = _python_side(view, folder, ids_file, page, options.memory)
                yield from ((f"{view}.{name}.{what}", value) for what, value in made.items())
                if page.exists():
                    painted = seconds_to_paint(
                        page, view, heads, patience=options.patience, memory=options.memory
                    )
                    yield f"{view}.{name}.screen", painted
                    page.unlink()
        # For the first picture's ratio: the bytes at 512 tokens, without the 11 GB that they take.
        ids_file.write_text(json.dumps(token_ids(folder, options.size(512, 16))))
        made = _python_side("bertviz_head", folder, ids_file, None, options.memory)
        yield from ((f"bertviz_by_layer.512.{what}", value) for what, value in made.items())


def _python_side(view: str, folder: Path, ids: Path, page: Path | None, memory: float) -> dict[str, Any]:
    """Runs peer.py under a watch on its memory; with no page, layer by layer and nothing is written."""
    command = [str(peers_python()), str(PEER), view, str(folder), str(ids), str(page or "-")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with peak_memory(psutil.Process(process.pid), limit=memory, stop=process.kill) as seen:
        out, err = process.communicate()
    if seen["stopped"]:
        return {"python": f"stopped at {memory / 1e9:.0f} GB"}
    if process.returncode:
        return {"python": f"failed: {err.strip().splitlines()[-1]}"}
    made = json.loads(out.splitlines()[-1])
    return {"python": Sample((made["seconds"],)), "bytes": made["bytes"], "memory": seen["peak"]}
