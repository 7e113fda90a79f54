"""How probable a served model finds a text: its own echo, with the log-probability of each token."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gptwidgets.remote import asking
from gptwidgets.remote.chunks import Part, Told, parts
from gptwidgets.remote.reading import Pieces, piece

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.remote.asking import Endpoint
    from gptwidgets.remote.client import Client


def body(endpoint: Endpoint, model: str, text: str) -> dict[str, Any]:
    """The request for an echo; one token more is written, since 0 means "many" to some servers."""
    return {
        "model": model,
        **asking.prompted(endpoint.path, text),
        **endpoint.asks(endpoint.most),
        "echo": True,
        "max_tokens": 1,
        "temperature": 0.0,
    }


def belongs(answer: Any) -> bool:
    """Whether an echo's log-probabilities belong to its tokens.

    llama-cpp-python 0.3 gives each token those of the place after it where a model's texts begin without a
    special token, and none for the last one. The token that was written, being the most probable one, tells.
    """
    try:
        found = parts(answer)
    except ValueError:
        return False
    tokens = found[0].tokens if found else []
    usage = answer.get("usage")
    count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    if len(tokens) < 2 or (isinstance(count, int) and len(tokens) != count + 1):
        return False
    last = tokens[-1]
    return bool(last.others) and last.others[0].same == last.same


def prompt_tokens(client: Client, answer: Any) -> list[Told]:
    """The tokens of the prompt in an answer that begins with it and goes on with one more.

    Raises:
        RemoteError: the answer is none.
    """
    try:
        found = parts(answer)
    except ValueError as error:
        raise client.nonsense(str(error)) from None
    part = found[0] if found else Part(0, "", [], None, None)
    usage = answer.get("usage")
    count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    if not isinstance(count, int) or not 0 < count <= len(part.tokens):
        count = len(part.tokens) - 1
    if count < 1:
        raise client.nonsense("an echo without tokens")
    return part.tokens[:count]


def table(tokens: list[Told], text: str, pieces: Pieces, asked: int) -> pd.DataFrame:
    """Columns token, id, logprob (nats), rank, entropy (not told: nan), one row a token.

    Args:
        tokens: of the prompt; the first has nothing before it.
        text: the prompt.
        pieces: the spellings of ids.
        asked: how many alternatives were asked for; a rank beyond them is not known: -1.
    """
    import pandas as pd

    spelt = [piece(told, pieces) for told in tokens]
    ranks = [next((at for at, o in enumerate(told.others) if o.same == told.same), -1) for told in tokens]
    logprobs = [math.nan, *(told.logprob for told in tokens[1:])]
    made = pd.DataFrame(
        {
            "token": spelt,
            "id": [told.id for told in tokens],
            "logprob": logprobs,
            "rank": [-1, *(rank if rank < asked else -1 for rank in ranks[1:])],
            "entropy": math.nan,
        }
    )
    total, count = math.fsum(logprobs[1:]), len(tokens) - 1
    # a first token that is no text (of those that begin a text) takes no bytes from it
    first = spelt[0] if text.startswith(spelt[0]) else ""
    size = len(text.encode()) - len(first.encode())
    made.attrs.update(
        {
            "log_likelihood_nats": total if count else math.nan,
            "perplexity_per_token": math.exp(min(700.0, -total / count)) if count else math.nan,
            "bits_per_byte": -total / math.log(2) / size if count and size else math.nan,
            "tokens": count,
            "bytes": size,
        }
    )
    return made
