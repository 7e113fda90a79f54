"""The logit lens: what a model would say if it stopped after each of its layers.

    p(n, i) = softmax(head(h_n,i))

where h_n,i is the hidden state of token i after n layers (h_0 the embedding), and the head is the model's own
end: its final norm, its output embedding, and whatever it does to the logits (nostalgebraist 2020,
"interpreting GPT: the logit lens"). After all L layers this is the model's true output.

The head was trained on what the last layer gives. What it reads out of an earlier one is a view of that
state, not a belief of the model; in some models the early rows say little (Belrose et al. 2023, "Eliciting
Latent Predictions from Transformers with the Tuned Lens").
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel.asking import count
from gptwidgets.kernel.choosing import BITS
from gptwidgets.kernel.textscore import NUMBERS
from gptwidgets.kernel.upward import upward
from gptwidgets.kernel.worker import Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from torch import Tensor

    from gptwidgets.kernel.asking import Asking
    from gptwidgets.kernel.pieces import Tokens
    from gptwidgets.kernel.upward import Upward
    from gptwidgets.kernel.worker import CancelToken, Progress

SHOWN = 60  # columns of the table that a notebook shows by itself


@dataclass(frozen=True)
class Lens:
    """What a model would say after each layer, at each token of a text. R rows, T tokens, k words.

    Attributes:
        text: the tokens that were looked at.
        name: the model's name.
        layers: R numbers: after how many layers each row is read; 0 is the embedding alone.
        ids: the most probable next tokens, int32 [R, T, k].
        tokens: the same as a person reads them, [R][T][k].
        probabilities: theirs, float32 [R, T, k].
        entropies: of the whole distributions, in bits, float32 [R, T].
        logprobs: of the token that really follows, natural logarithms, float32 [R, T]; nan for the last.
        ranks: how many tokens are more probable than that one, int32 [R, T]; -1 for the last.
        difference: by how much a probability of the last row differs from the model's own output at most
            (at the last token), where the last row was asked for; else nan.
        start: the position of the first of these tokens; those before it were read, and not looked at.
    """

    text: Tokens
    name: str
    layers: tuple[int, ...]
    ids: np.ndarray[Any, np.dtype[np.int32]]
    tokens: list[list[list[str]]]
    probabilities: np.ndarray[Any, np.dtype[np.float32]]
    entropies: np.ndarray[Any, np.dtype[np.float32]]
    logprobs: np.ndarray[Any, np.dtype[np.float32]]
    ranks: np.ndarray[Any, np.dtype[np.int32]]
    difference: float
    start: int = 0

    def table(self, position: int | None = None) -> pd.DataFrame:
        """The lens to read.

        Args:
            position: one token's number in the whole text, below zero from the end; None for all tokens.

        Returns:
            For all tokens the first choice of each: a row for each number of layers, a column (position,
            token). For one token its k choices: index (layers, place), columns token, id, prob, logprob.

        Raises:
            IndexError: there is no such token.
            TypeError: no number.

        Example:
            >>> gpt.logit_lens("The capital of France is").table(-1)        # doctest: +SKIP
        """
        import pandas as pd

        rows = pd.Index(self.layers, name="layers")
        if position is None:
            numbers = [[self.start + at for at in range(len(self.text))], list(self.text.pieces)]
            columns = pd.MultiIndex.from_arrays(numbers, names=["position", "token"])
            return pd.DataFrame([[cell[0] for cell in row] for row in self.tokens], rows, columns)
        T, k = self.ids.shape[1:]
        position = _one(position, self.start, T)
        probabilities = self.probabilities[:, position].ravel()
        with np.errstate(divide="ignore"):
            logprobs = np.log(probabilities)
        return pd.DataFrame(
            {
                "token": [piece for row in self.tokens for piece in row[position]],
                "id": self.ids[:, position].ravel(),
                "prob": probabilities,
                "logprob": logprobs,
            },
            index=pd.MultiIndex.from_product([self.layers, range(k)], names=["layers", "place"]),
        )

    def figure(self) -> Any:
        """The lens as a Plotly figure: layers from below upwards, the first choice in each cell.

        Raises:
            DoesNotFitError: for more than 4,096 cells.
        """
        from gptwidgets.kernel.lensfigure import figure

        return figure(self)

    def _repr_html_(self) -> str:
        """What a notebook shows: the table of first choices, as pandas draws it."""
        return f"<p>{escape(repr(self)[1:-1])}</p>{self.table().to_html(notebook=True, max_cols=SHOWN)}"

    def __repr__(self) -> str:
        R, T, k = self.ids.shape
        named = f" of {self.name}" if self.name else ""
        return f"<Lens{named}: {R} rows × {T:,} tokens, the {k} most probable of each>"


def logit_lens(
    gpt: Asking,
    ids: Sequence[int],
    tokens: Tokens,
    *,
    k: int = 5,
    layers: Iterable[int] | None = None,
    start: int = 0,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> Lens:
    """Reads a text once and every layer's hidden states through the model's end.

    The hidden states are (L + 1) · T · D numbers; of logits never more than 16.8 million exist at a time.

    Args:
        gpt: the model.
        ids: T checked ids.
        tokens: the same for reading.
        k: how many tokens of each place.
        layers: after how many layers to look, 0 to L; all of them by default.
        start: the first token to look at; those before it are only read.
        progress: called with a Report after each part.
        cancel: looked at in every layer and between the parts.

    Raises:
        IndexError: more layers than there are, or no such token.
        UnsupportedModelError: the model's end cannot be run by itself.
        OutOfMemory, Cancelled, ClosedError: as the words say.
    """
    whole_length, V = len(ids), gpt.vocabulary_size
    k = count("k", k, 1, V)
    start = _one(start, 0, whole_length)
    T = whole_length - start
    with upward(gpt, ids, cancel) as up:
        if up.whole:
            raise UnsupportedModelError(
                f"{gpt.name} has no end (norm and output embedding) that could be put on an earlier layer, "
                "so there is no logit lens of it."
            )
        rows = _rows(layers, up.n_layers)
        R = len(rows)
        whole = np.empty((R, T, 1 + k), np.int32)  # rank, ids
        parts = np.empty((R, T, 2 + k), np.float32)  # logprob, entropy, probabilities
        follows = torch.tensor([*ids[start + 1 :], -1])
        wide = max(1, min(T, NUMBERS // V))
        high = max(1, NUMBERS // (V * wide))
        for left in range(0, T, wide):
            at = slice(left, min(left + wide, T))
            for first in range(0, R, high):
                those = rows[first : first + high]
                found = _look(up, those, slice(start + left, start + at.stop), follows[at], k)
                whole[first : first + high, at], parts[first : first + high, at] = found
                if progress is not None:
                    done = (left * R + (at.stop - left) * (first + len(those))) / T
                    progress(Report("looking", done, R, "layers"))
        difference = _difference(up) if up.n_layers in rows else float("nan")
    with gpt._tokenizer_lock:
        gpt.vocabulary.learn(whole[..., 1:].ravel().tolist())
    pieces = {int(i): gpt.vocabulary[int(i)].piece for i in np.unique(whole[..., 1:])}
    return Lens(
        tokens[start:] if start else tokens,
        gpt.name,
        tuple(rows),
        whole[..., 1:],
        [[[pieces[i] for i in cell] for cell in row] for row in whole[..., 1:].tolist()],
        parts[..., 2:],
        parts[..., 1],
        parts[..., 0],
        whole[..., 0],
        difference,
        start,
    )


def _look(up: Upward, rows: Sequence[int], at: slice, follows: Tensor, k: int) -> tuple[Any, Any]:
    """Of r rows and t tokens: (rank, k ids) and (logprob, entropy, k probabilities), [r, t, …]."""
    device = up.hidden[-1].device  # layers of one model may lie on several
    hidden = torch.cat([up.hidden[n][:, at].to(device) for n in rows])  # (r, t, D)
    raw = up.head(hidden).float().log_softmax(-1)  # (r, t, V)
    follows = follows.to(raw.device).expand(len(rows), -1)[..., None]  # (r, t, 1)
    mine = raw.gather(-1, follows.clamp_min(0))
    rank = (raw > mine).sum(-1, keepdim=True).masked_fill_(follows < 0, -1)
    mine = mine.masked_fill_(follows < 0, float("nan"))
    top, best = raw.topk(k)
    entropy = -(raw.exp() * raw.clamp_min(-1e30)).sum(-1, keepdim=True) * BITS
    numbers = torch.cat([mine, entropy, top.exp_()], -1)
    return torch.cat([rank, best], -1).int().cpu().numpy(), numbers.cpu().numpy()


def _difference(up: Upward) -> float:
    """The largest difference of a probability after the last token, between the lens and a whole pass."""
    last = up.head(up.hidden[-1][:, -1:])[0, 0].float().softmax(-1)
    return float((last - up.logits.to(last.device).softmax(-1)).abs().max())


def _one(position: Any, start: int, length: int) -> int:
    """The place of a checked token among `length` from `start` on."""
    if isinstance(position, bool) or not isinstance(position, int | np.integer):
        raise TypeError(f"position is a token's number or None for all, not {position!r}.")
    end = start + length
    if not (-length <= position < 0 or start <= position < end):
        raise IndexError(f"token {position} does not exist; this text has tokens {start} to {end - 1}")
    return int(position) + length if position < 0 else int(position) - start


def _rows(layers: Iterable[int] | None, n_layers: int) -> list[int]:
    """After how many layers to look, checked."""
    if layers is None:
        return list(range(n_layers + 1))
    given: Any = layers
    numbers: list[Any] = [] if isinstance(given, str) or not hasattr(given, "__iter__") else list(given)
    if not numbers:
        raise TypeError(f"layers is a list of numbers such as [0, 6, {n_layers}], not {given!r}.")
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int | np.integer):
            raise TypeError(f"After how many layers? {number!r} is no whole number.")
        if not 0 <= number <= n_layers:
            raise IndexError(
                f"The model cannot stop after {number} layers: it has {n_layers}. Give numbers from 0 (the "
                f"embedding alone) to {n_layers} (its output)."
            )
    return sorted({int(number) for number in numbers})
