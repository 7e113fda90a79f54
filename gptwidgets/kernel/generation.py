"""What a run has written, to be read at leisure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gptwidgets.kernel.step import Alternatives, Token
from gptwidgets.kernel.worker import Progress, Report
from gptwidgets.kernel.writer import Writer

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.kernel.sampling import Sampling
    from gptwidgets.kernel.textscore import Scores
    from gptwidgets.kernel.vocabulary import Vocabulary


@dataclass(frozen=True)
class Written:
    """One sequence that was written.

    Attributes:
        steps: its tokens with all that is known of them.
        text: what they say; bytes that are no text stand as ⟨E2 80⟩, special tokens are left out.
        reason: why it ended: "end", "stop", "max_new_tokens", "context", "stopped" or "memory".
        seed: where its chance began.
        milliseconds: what each token took.
    """

    steps: list[Token]
    text: str
    reason: str
    seed: int
    milliseconds: list[float]

    @property
    def ids(self) -> list[int]:
        """The new tokens' ids, an end token included."""
        return [token.id for token in self.steps]

    @property
    def tokens(self) -> pd.DataFrame:
        """One row a token.

        Columns: token (as a person reads it), id, text (what became complete with it), logprob (nats, before
        the sampling rules), prob, sampled_prob (after them), rank (0 is the most probable), entropy (bits),
        ms.
        """
        import pandas as pd

        columns = {
            "token": [token.piece for token in self.steps],
            "id": self.ids,
            "text": [token.text for token in self.steps],
            "logprob": [token.logprob for token in self.steps],
            "prob": [math.exp(token.logprob) for token in self.steps],
            "sampled_prob": [math.exp(token.sampled_logprob) for token in self.steps],
            "rank": [token.rank for token in self.steps],
            "entropy": [token.entropy for token in self.steps],
            "ms": self.milliseconds,
        }
        return pd.DataFrame(columns)

    def __repr__(self) -> str:
        return f"<Written: {len(self.steps)} tokens, {self.reason}: {self.text!r}>"


@dataclass(frozen=True)
class Generation:
    """A run: its sequences, and what they began with.

    Attributes:
        prompt_ids: what the model was given.
        sequences: what it wrote, in the order of their seeds.
        sampling: the settings, with the seed that was drawn where none was given.
    """

    prompt_ids: list[int]
    sequences: list[Written]
    sampling: Sampling

    @property
    def seed(self) -> int:
        """The first sequence's seed."""
        return self.sequences[0].seed

    @property
    def text(self) -> str:
        """The first sequence's text."""
        return self.sequences[0].text

    @property
    def ids(self) -> list[int]:
        """The first sequence's new ids."""
        return self.sequences[0].ids

    @property
    def reason(self) -> str:
        """Why the first sequence ended."""
        return self.sequences[0].reason

    @property
    def tokens(self) -> pd.DataFrame:
        """The first sequence's tokens, one row each; see `Written.tokens`."""
        return self.sequences[0].tokens

    def __repr__(self) -> str:
        shown = "\n  ".join(map(repr, self.sequences))
        return f"<Generation from {len(self.prompt_ids)} tokens:\n  {shown}>"


def finished(gpt: Any, stream: Any, progress: Progress | None) -> Generation:
    """Reads a stream to its end, and puts what was written into `gpt.last`, also where it was interrupted.

    Args:
        gpt: whose stream it is, in this kernel or elsewhere.
        stream: of this GPT.
        progress: called with a Report after each step.
    """
    try:
        for step in stream:
            if progress is not None:
                progress(Report("writing", step.index + 1, stream.sampling.max_new_tokens, "tokens"))
    finally:
        stream.close()
        gpt.last = stream.generation
    return gpt.last


def of_scores(
    scores: Scores,
    start: int,
    sampling: Sampling,
    vocabulary: Vocabulary,
    *,
    reason: str,
    milliseconds: float,
) -> Generation:
    """A text that was found by search, as if it had been written token by token.

    Args:
        scores: of the prompt and the text.
        start: how many tokens the prompt has.
        sampling: the settings.
        vocabulary: the tokens' bytes.
        reason: why the text ended.
        milliseconds: what each token took.
    """
    writer = Writer()
    tokens: list[Token] = []
    for at in range(start, len(scores.ids)):
        entry = vocabulary[int(scores.ids[at])]
        text = writer.add(entry.bytes, silent=entry.special)
        logprobs = scores.alternative_logprobs[at].tolist()
        ids: list[int] = scores.alternatives[at].tolist()
        alternatives = Alternatives(ids, [vocabulary[i].piece for i in ids], logprobs, logprobs)
        raw = float(scores.logprobs[at])
        tokens.append(
            Token(
                int(scores.ids[at]), entry.bytes, entry.piece, text, raw, raw,
                int(scores.ranks[at]), float(scores.entropies[at]), alternatives,
            )
        )  # fmt: skip
    text = "".join(token.text for token in tokens) + writer.left
    seed = sampling.seed or 0  # nothing is left to chance
    written = Written(tokens, text, reason, seed, [milliseconds] * len(tokens))
    return Generation(scores.ids[:start].tolist(), [written], sampling)
