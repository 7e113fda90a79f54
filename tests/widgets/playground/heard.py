"""What pages hear of a run, put together as a page does it."""

from __future__ import annotations

from gptwidgets.widgets.columns import unpack


def listen(play):
    """What pages hear from now on: messages and their buffers, in one list that grows."""
    heard: list[tuple[dict, list[bytes]]] = []
    play.send = lambda content, buffers=None: heard.append((content, [bytes(b) for b in buffers or ()]))
    return heard


def put_together(heard):
    """The ids and the text of each node, of which every token came once and in order."""
    ids: dict[str, list[int]] = {}
    texts: dict[str, str] = {}
    for content, buffers in heard:
        if content.get("kind") != "tokens":
            continue
        for part, data in zip(content["parts"], buffers, strict=True):
            mine = ids.setdefault(part["node"], [])
            assert part["start"] == len(mine)
            mine += unpack(part["columns"], data)["id"].tolist()
            texts[part["node"]] = texts.get(part["node"], "") + "".join(part["texts"])
    return ids, texts
