"""The memory of a cell that is run a hundred times, as JupyterLab runs it, in a real kernel."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from tests.benchmarks.inputs import model_folder, token_ids
from tests.benchmarks.options import Options
from tests.benchmarks.timing import rss

ROOT = Path(__file__).parents[2]
SETUP = """
import gc, sys, time
sys.path.insert(0, {root!r})
import gptwidgets as gw
gpt = gw.load({folder!r}, progress=False)
ids = {ids!r}
"""
CELL = """
heat = gw.AttentionHeatmap(gpt, gpt.tokenizer.decode(ids))
while heat.status not in ("ready", "error"):
    time.sleep(0.01)
assert heat.status == "ready", heat.error
heat
"""


def figures(options: Options) -> Iterator[tuple[str, Any]]:
    folder, runs = model_folder(options), options.size(100, 6)
    ids = token_ids(folder, options.size(512, 16))
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        kernel = psutil.Process(manager.provisioner.pid)
        _run(client, SETUP.format(root=str(ROOT), folder=str(folder), ids=ids))
        held = []
        for _ in range(runs):
            _run(client, CELL)
            _run(client, "_ = gc.collect()")
            held.append(rss(kernel))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    # A record of 512 tokens takes 47 MB, so the budget of 1 GB is full after some twenty runs: the last
    # half is the steady state.
    late = held[runs // 2 :]
    yield "reruns.held", held[-1] - held[0]
    yield "reruns.growth", statistics.linear_regression(range(len(late)), late).slope
    yield "reruns.all", ", ".join(f"{each / 1e6:.0f}" for each in held) + " MB"


def _run(client: BlockingKernelClient, code: str) -> None:
    """Executes a cell; the same cell each time, as far as the kernel can see."""
    content = {
        "code": code,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
    }
    message = client.session.msg("execute_request", content, metadata={"cellId": f"cell-{hash(code)}"})
    client.shell_channel.send(message)
    while True:
        reply = client.get_shell_msg(timeout=300)
        if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
            break
    while client.iopub_channel.msg_ready():
        client.get_iopub_msg()
    if reply["content"]["status"] != "ok":
        raise RuntimeError(f"{reply['content'].get('ename')}: {reply['content'].get('evalue')}")
