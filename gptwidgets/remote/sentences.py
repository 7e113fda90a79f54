"""What a served model does not give, and why, one sentence each."""

from __future__ import annotations

WHY = {
    "ids": (
        "{name} is served by {host}, which takes texts and keeps its token ids: a text can go on from any "
        "place, the answer of a chat only be given anew."
    ),
    "logits": "{name} is served by {host}, which tells the best few tokens and never all of their logits.",
    "alternatives": (
        "{host} tells no log-probabilities of {name}; some servers do when they are started with them "
        "(llama-cpp-python: --logits_all true)."
    ),
    "score": (
        "{host} does not tell how probable {name} finds a given text: it has no echo with log-probabilities, "
        "or a wrong one."
    ),
    "beams": "{host} shows no beams: a beam search needs {name} in this kernel, by gw.load().",
    "attention": (
        "{host} serves what {name} writes and not what it attends to: that needs the model in this kernel, "
        "by gw.load()."
    ),
    "interventions": (
        "{host} serves {name} as it is, and nobody reaches its heads: switching them off needs the model in "
        "this kernel, by gw.load()."
    ),
    "chat": "{host} takes no chats for {name}: it continues texts.",
    "text": "{host} takes only chats for {name}: switch to chat, or give messages instead of a text.",
    "seed": "{host} takes no seed: {name} writes something else each time, unless the temperature is 0.",
    "n": "{host} writes one sequence of {name} for each request: run it several times, with a seed each.",
}


def sentence(what: str, name: str, host: str) -> str:
    """Why something cannot be had.

    Example:
        >>> sentence("chat", "gpt2", "127.0.0.1:8000")
        '127.0.0.1:8000 takes no chats for gpt2: it continues texts.'
    """
    return WHY.get(what, "{name} knows nothing of “{what}”.").format(name=name, host=host, what=what)
