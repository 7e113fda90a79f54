"""A run on a server as a script: with gptwidgets, and with the openai client alone. Neither holds the key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gptwidgets.kernel.sampling import Sampling
from gptwidgets.widgets.playground import code
from gptwidgets.widgets.playground.tree import Node

KEY = 'os.environ["API_KEY"]'  # a script is passed on, a key is not
OWN = (  # what the openai client has a word for; all the rest goes with extra_body
    *("model", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "seed", "n"),
)


def place(nodes: Iterable[Node], node: Node | None) -> tuple[int, int]:
    """With how many others a node was asked for under one seed, itself included, and which of them it is.

    Some servers give the sequences of one request a seed each, others one for all: these can be had again
    only together.
    """
    if node is None or not node.sequence:
        return 1, 0
    same = [one for one in nodes if (one.sequence, one.sampling) == (node.sequence, node.sampling)]
    return len(same), same.index(node)


def scripts(gpt: Any, prompt: Any, rules: Sampling, *, n: int = 1, row: int = 0) -> dict[str, str]:
    """Two scripts that ask a server for a text again: {"gptwidgets": …, "openai": …}.

    Args:
        gpt: what `gw.connect` gave.
        prompt: a text, or chat messages.
        rules: the sampling rules, with the seed.
        n: how many sequences were asked for at once: some servers have one seed for all of them.
        row: which of them is meant.

    Raises:
        TextError: what this server does not take.
    """
    path, body = gpt.request(prompt, rules, n=n)
    chat = "messages" in body
    asked = code._prompt(prompt)
    several = f", n={n}).sequences[{row}].text" if n > 1 else ").text"
    key = [KEY] if gpt.keyed == "key" else []
    mine = [
        *(["import os", ""] if key else []),
        "import gptwidgets as gw",
        "",
        f"gpt = gw.connect({', '.join([repr(gpt.url), repr(gpt.model), *key])})",
        *asked,
        f"sampling = {code._sampling(rules)}",
        f"print(gpt.generate(prompt, sampling{several})",
    ]
    given = {"key": f", api_key={KEY}", "dummy": ', api_key="none"', "own": ""}[gpt.keyed]
    rest = {name: value for name, value in body.items() if name not in {*OWN, "prompt", "messages"}}
    said = "message.content" if chat else "text"
    alone = [
        *(["import os", ""] if key else []),
        "from openai import OpenAI",
        "",
        f"client = OpenAI(base_url={gpt.url!r}{given})",
        *asked,
        f"answer = client.{path.strip('/').replace('/', '.')}.create(",
        f"    {'messages' if chat else 'prompt'}=prompt,",
        *(f"    {name}={body[name]!r}," for name in OWN if name in body),
        *([f"    extra_body={rest!r},"] if rest else []),
        ")",
        f"print(answer.choices[{row}].{said})",
    ]
    return {"gptwidgets": "\n".join(mine) + "\n", "openai": "\n".join(alone) + "\n"}
