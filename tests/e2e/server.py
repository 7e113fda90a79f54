"""A real JupyterLab of its own: own folders, own port, no news, no token, on the loopback address only."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from tests.kernels import specification

FLAGS = (
    "--no-browser",
    "--allow-root",
    "--ip=127.0.0.1",
    "--IdentityProvider.token=",
    "--ServerApp.password=",
    "--ServerApp.disable_check_xsrf=True",
    "--ServerApp.terminals_enabled=False",
    "--LabApp.news_url=",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    # The tests ask the application itself (window.jupyterapp) whether a kernel is idle.
    "--LabApp.expose_app_in_browser=True",
    "--JupyterNotebookApp.expose_app_in_browser=True",
)
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # A server that stops under an open page would otherwise ask in a window whether to save.
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}


class Server:
    """`jupyter lab` on a free port, serving the folder `root`; it also serves Notebook 7 under /notebooks."""

    def __init__(self, home: Path, root: Path) -> None:
        self.root = root
        self.home = home
        self.url = f"http://127.0.0.1:{_free_port()}"
        for name, setting in SETTINGS.items():
            self.set(name, setting)
        self.kernel("ipykernel6", specification(6))
        own = {
            "JUPYTER_CONFIG_DIR": home / "config",
            "JUPYTER_DATA_DIR": home / "data",
            "JUPYTER_RUNTIME_DIR": home / "runtime",
            "JUPYTERLAB_SETTINGS_DIR": home / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
            "IPYTHONDIR": home / "ipython",
        }
        self.log = home / "jupyter.log"
        port = self.url.rpartition(":")[2]
        place = (f"--port={port}", f"--ServerApp.root_dir={root}")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *FLAGS, *place],
                env={**os.environ, **{key: str(value) for key, value in own.items()}},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def set(self, name: str, setting: dict[str, object]) -> None:
        """Change a user's setting of JupyterLab, for the pages that are opened from now on."""
        file = self.home / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(setting))

    def kernel(self, name: str, said: dict[str, object]) -> None:
        """Offer one more kernel, by what its kernel.json says."""
        file = self.home / "data" / "kernels" / name / "kernel.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(said))

    def wait(self, seconds: float = 60) -> None:
        """Return once the server answers; raise with its log where it does not."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(OSError):  # nothing listens yet
                self.ask("api/status")
                return
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)
                break
        raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text()[-4000:]}")

    def ask(self, path: str, *, method: str = "GET") -> bytes:
        """Send one request to the server's REST API and return what it answers."""
        request = urllib.request.Request(f"{self.url}/{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    def stop_kernel(self, notebook: str) -> None:
        """End a notebook's kernel, so that the next one has the memory."""
        for session in json.loads(self.ask("api/sessions")):
            if session["path"] != notebook:
                continue
            try:
                self.ask(f"api/sessions/{session['id']}", method="DELETE")
            except urllib.error.HTTPError as error:
                if error.code not in (404, 410):  # gone by itself
                    raise

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
