"""What a user gets: `import gptwidgets` is quick, and what pip installs is whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import gptwidgets

ROOT = Path(__file__).parent.parent
BUNDLES = ("heatmap", "playground")
FRONT_END = [f"gptwidgets/static/{name}.{kind}" for name in BUNDLES for kind in ("css", "js")]
HEAVY = ["IPython", "anywidget", "ipywidgets", "pandas", "plotly", "torch", "transformers"]
IMPORT = f"""
import json, sys, time
start = time.perf_counter()
import gptwidgets
seconds = time.perf_counter() - start
heavy = [name for name in {HEAVY} if name in sys.modules]
print(json.dumps([seconds, heavy, gptwidgets.__file__, gptwidgets.__version__]))
"""


def python(*arguments: object, interpreter: object = sys.executable, cwd: Path | None = None) -> str:
    """Run a Python of its own and return what it printed; its errors become the test's."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV"))}
    command = [str(interpreter), *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_import_is_quick_and_loads_nothing_heavy(tmp_path):
    runs = [json.loads(python("-c", IMPORT, cwd=tmp_path)) for _ in range(3)]
    assert min(seconds for seconds, *_ in runs) < 0.5
    assert runs[0][1] == []


def test_the_public_names_are_found_and_no_others():
    for name in gptwidgets.__all__:
        assert getattr(gptwidgets, name) is not None
    assert dir(gptwidgets) == sorted(gptwidgets.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = gptwidgets.lode


@pytest.fixture(scope="module")
def archives(tmp_path_factory) -> tuple[Path, Path]:
    """The sdist, and the wheel made from that sdist alone: as on a machine that has no clone and no Node."""
    out = tmp_path_factory.mktemp("dist")
    python("-m", "build", "--no-isolation", "--sdist", "--outdir", out, ROOT)
    (sdist,) = out.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(out, filter="data")
    source = out / sdist.name.removesuffix(".tar.gz")
    python("-m", "build", "--no-isolation", "--wheel", "--outdir", out, source)
    assert not (source / "js/node_modules").exists(), "the wheel needed npm, although the sdist is built"
    (wheel,) = out.glob("*.whl")
    return sdist, wheel


def test_wheel_and_sdist_hold_the_front_end_and_no_ballast(archives):
    sdist, wheel = archives
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    with zipfile.ZipFile(wheel) as archive:
        installed = set(archive.namelist())
        bundle = archive.read("gptwidgets/static/heatmap.js")
    assert packed.issuperset(FRONT_END)
    assert installed.issuperset([*FRONT_END, "gptwidgets/py.typed"])
    assert {"LICENSE", "front_end.py", "js/package-lock.json", "README.md"} <= packed
    assert all(name.startswith(("gptwidgets/", "gptwidgets-")) for name in installed)
    assert not any("node_modules" in name or "__pycache__" in name for name in packed | installed)
    assert bundle == (ROOT / "gptwidgets/static/heatmap.js").read_bytes()
    assert wheel.stat().st_size < 800_000


def test_the_wheel_works_in_an_environment_of_its_own(archives, tmp_path):
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    clean = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    site = Path(
        python("-c", "import sysconfig; print(sysconfig.get_path('purelib'))", interpreter=clean).strip()
    )
    python("-m", "pip", "install", "--quiet", "--no-deps", "--target", site, archives[1])
    # The dependencies are this environment's own, so that torch need not be fetched again. A .pth file
    # adds the folder behind the clean one, and does not read the folder's own .pth, which names the clone.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    seconds, heavy, place, version = json.loads(python("-c", IMPORT, interpreter=clean, cwd=tmp_path))
    assert Path(place).is_relative_to(site)
    assert version == gptwidgets.__version__
    assert heavy == []
    assert seconds < 0.5
    draw = "import gptwidgets as gw, numpy as np; print(type(gw.AttentionHeatmap(np.eye(3))).__name__)"
    assert python("-c", draw, interpreter=clean, cwd=tmp_path).strip() == "AttentionHeatmap"
