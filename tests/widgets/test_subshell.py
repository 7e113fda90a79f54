"""In a real kernel: what the browser asks on a subshell is heard while a cell runs."""

from __future__ import annotations

import pytest
from jupyter_client.manager import start_new_kernel

from tests.waiting import until

WIDGET = """
import threading
from gptwidgets.widgets import base
from gptwidgets.widgets.wire import Reply

base.front_end = lambda name: ("export default {}", "")

class Plain(base.BaseWidget):
    _name = "heatmap"
    def _requests(self):
        return {"stop": lambda *_: stopped.set() or Reply()}

stopped = threading.Event()
plain = Plain()
print(plain.model_id)
"""
# As a run does it: a thread tells of its tokens, and the cell waits for the run's end.
CELL = """
threading.Thread(target=lambda: plain._wire.tell("tokens", {})).start()
print(stopped.wait(20))
"""


class Kernel:
    """A kernel and what it has said."""

    def __init__(self) -> None:
        self.manager, self.client = start_new_kernel(kernel_name="python3")
        self.heard: list[dict] = []

    def said(self, kind):
        """The contents of all messages of a kind so far."""
        while self.client.iopub_channel.msg_ready():
            self.heard.append(self.client.get_iopub_msg(timeout=1))
        return [message["content"] for message in self.heard if message["msg_type"] == kind]

    def printed(self):
        return "".join(content["text"] for content in self.said("stream") if content["name"] == "stdout")

    def end(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel():
    made = Kernel()
    yield made
    made.end()


def test_a_stop_does_not_wait_for_the_cell_that_it_should_stop(kernel):
    client, session = kernel.client, kernel.client.session
    info = client.kernel_info(reply=True, timeout=60)["content"]
    if "kernel subshells" not in info.get("supported_features", []):
        pytest.skip("ipykernel 6 has no subshells: what a page asks waits for the cell's end")
    client.execute(WIDGET, reply=True, timeout=60)
    comm = until(kernel.printed).strip()
    client.control_channel.send(session.msg("create_subshell_request"))
    subshell = client.get_control_msg(timeout=20)["content"]["subshell_id"]
    client.execute(CELL)
    until(lambda: [told for told in kernel.said("comm_msg") if told["data"].get("method") == "custom"])
    asked = {"type": "request", "id": "page-1", "kind": "stop"}
    message = session.msg("comm_msg", {"comm_id": comm, "data": {"method": "custom", "content": asked}})
    message["header"]["subshell_id"] = subshell
    client.shell_channel.send(message)
    until(lambda: kernel.printed().strip() != comm, 40)
    assert kernel.printed().split() == [comm, "True"]
