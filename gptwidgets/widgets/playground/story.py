"""All that was written, whole: for a page that comes later, and for a notebook that is opened tomorrow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from gptwidgets.widgets.columns import pack, unpack
from gptwidgets.widgets.playground.flusher import part_of
from gptwidgets.widgets.playground.tokens import TokenColumns
from gptwidgets.widgets.playground.tree import Node, Tree
from gptwidgets.widgets.playground.vocabulary import Vocabulary
from gptwidgets.widgets.values import whole

MOST = 1_000_000  # bytes of columns that a notebook keeps; above it, older nodes keep their ids only


def whole_story(tree: Tree, vocabulary: Vocabulary) -> tuple[bytes, dict[str, Any]]:
    """The tokens of all nodes as the traits `story` and `story_columns`; the newest nodes first."""
    parts: list[dict[str, Any]] = []
    buffers: list[bytes] = []
    used: set[int] = set()
    offset = 0
    for node in reversed(list(tree)):
        part, data = part_of(node, 0)
        columns = node.tokens.columns(0, len(part["texts"]))
        if offset + len(data) > MOST:
            columns = {"id": columns["id"]}
            part["columns"], data = pack(columns)
        used |= ids_in(columns)
        parts.append({"node": node.id, "columns": part["columns"], "offset": offset, "texts": part["texts"]})
        buffers.append(data)
        offset += len(data)
    return b"".join(buffers), {"nodes": parts, "pieces": vocabulary.some(used)}


def told_again(tree: Tree, vocabulary: Vocabulary, since: Any) -> tuple[dict[str, Any], list[bytes]]:
    """What a page lacks.

    Args:
        tree: all nodes.
        vocabulary: their pieces.
        since: how many tokens of each node the page has; nodes that it does not know come whole.

    Returns:
        {tree, parts, pieces, beams} and one buffer a part.
    """
    if not isinstance(since, Mapping):
        raise TypeError("since is {node: how many of its tokens are known}.")
    parts: list[dict[str, Any]] = []
    buffers: list[bytes] = []
    used: set[int] = set()
    nodes = list(tree)
    for node in nodes:
        start = max(0, whole(since.get(node.id, 0), "A length"))
        part, data = part_of(node, start)
        if part["texts"]:
            used |= ids_in(unpack(part["columns"], data))
            parts.append(part)
            buffers.append(data)
    content = {
        "tree": [node.entry() for node in nodes],
        "parts": parts,
        "pieces": vocabulary.some(used),
        "beams": [{"node": node.id, "steps": list(node.beams)} for node in nodes if node.beams],
    }
    return content, buffers


def ids_in(columns: Mapping[str, np.ndarray]) -> set[int]:
    """The ids of tokens and alternatives in columns; -1 is none."""
    found: set[int] = set()
    for name in ("id", "alt_id"):
        if name in columns:
            found |= set(np.unique(columns[name]).tolist())
    return found - {-1}


def read(
    tree: Iterable[Mapping[str, Any]], story: bytes, story_columns: Mapping[str, Any]
) -> tuple[list[Node], dict[int, str]]:
    """Nodes and pieces from what the traits held.

    Raises:
        ValueError: they do not fit together.
    """
    columns: dict[str, TokenColumns] = {}
    for part in story_columns["nodes"]:
        spec, texts, offset = part["columns"], part["texts"], whole(part["offset"], "An offset")
        size = 4 * sum(int(np.prod(shape)) for _, _, shape in spec)
        columns[str(part["node"])] = TokenColumns.from_columns(
            unpack(spec, story[offset : offset + size]), texts
        )
    nodes: list[Node] = []
    known: set[str] = set()
    for entry in tree:
        name, parent = str(entry["id"]), entry["parent"]
        kind = entry["kind"]
        if name in known or (parent is not None and parent not in known) or name not in columns:
            raise ValueError("The nodes of this tree do not belong together.")
        if kind not in {"prompt", "written", "edited"}:
            raise ValueError(f"There is no node of the kind '{kind}'.")
        known.add(name)
        node = Node(name, parent, whole(entry["at"], "at"), kind, columns[name])
        node.sampling, node.seed, node.reason = dict(entry["sampling"]), entry["seed"], entry["reason"]
        node.name, node.pruned = str(entry["name"]), bool(entry["pruned"])
        node.under = str(entry.get("under", ""))
        node.sequence, node.given = str(entry["sequence"]), whole(entry.get("given", 0), "given")
        node.source = entry.get("source")
        nodes.append(node)
    return nodes, {int(id_): str(piece) for id_, piece in story_columns["pieces"].items()}
