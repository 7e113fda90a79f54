"""Beam search, step by step, with the beams that were kept and those that were dropped.

Of B running beams every continuation is scored by the sum of its log-probabilities, and the best B go on. A
beam that ends is judged by its score divided by its length, and the search is over when no running beam can
overtake the B best ended ones. (Lowerre 1976; the rules for ends are those of transformers'
`generate(num_beams=B)` with its defaults, length_penalty=1 and early_stopping=False, whose best
text is ours.)
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

from gptwidgets.errors import Cancelled
from gptwidgets.kernel import device as devices
from gptwidgets.kernel.forgetting import forget_frames
from gptwidgets.kernel.forward import Reader
from gptwidgets.kernel.rules import apply, rules_of
from gptwidgets.kernel.writer import Writer

if TYPE_CHECKING:
    from gptwidgets.kernel.intervention import Intervention
    from gptwidgets.kernel.sampling import Sampling
    from gptwidgets.kernel.worker import CancelToken
    from gptwidgets.kernel.writing import Writing


@dataclass(frozen=True, slots=True)
class Beam:
    """One continuation of a step.

    Attributes:
        ids: the new tokens so far, this step's last.
        id: this step's token.
        piece: what a person reads of it.
        score: the sum of the log-probabilities of all new tokens, in nats.
        parent: which beam of the step before it goes on from; 0 in the first step.
        kept: whether it goes on. Kept ones come first, so `parent` counts them alone.
        finished: whether it has ended, by an end token, a stop text or its length. What is neither kept nor
            finished was dropped.
    """

    ids: list[int]
    id: int
    piece: str
    score: float
    parent: int
    kept: bool
    finished: bool


@dataclass(frozen=True, slots=True)
class BeamStep:
    """A step's continuations: first those that go on, then the others, both best first."""

    index: int
    beams: list[Beam]


@dataclass(frozen=True, slots=True)
class Found:
    """What a beam search ends with.

    Attributes:
        ids: the best text's new tokens.
        score: the sum of their log-probabilities divided by their number.
        reason: "end", "stop", "max_new_tokens", "context", "stopped" or "memory".
    """

    ids: list[int]
    score: float
    reason: str


class _Candidate(NamedTuple):
    score: float
    parent: int
    ids: list[int]
    end: str | None  # why it ends, if it does


class _Search:
    """The state of a search: B running beams, one a row of the reader's batch, and the best that ended."""

    def __init__(self, gpt: Writing, prompt_ids: list[int], sampling: Sampling, reader: Reader) -> None:
        self.B = sampling.beams
        self.running = [_Candidate(0.0, 0, [], None)]
        self.ended: list[Found] = []  # best first
        self._gpt, self._prompt, self._sampling, self._reader = gpt, prompt_ids, sampling, reader
        self._rules = rules_of(sampling.replace(temperature=0))
        self.room, self._full = sampling.max_new_tokens, "max_new_tokens"
        if gpt.context_length is not None and gpt.context_length - len(prompt_ids) < self.room:
            self.room, self._full = gpt.context_length - len(prompt_ids), "context"

    @torch.inference_mode()
    def candidates(self, index: int) -> list[_Candidate]:
        """The best continuations of the running beams, best first: enough that B of them do not end."""
        if index == 0:
            logits = self._reader.begin(self._prompt)  # [1, V]
        else:
            last = [[beam.ids[-1]] for beam in self.running]
            logits = self._reader.read(torch.tensor(last, device=self._gpt.device))
        logprobs = logits.float().log_softmax(-1)  # [b, V]
        if len(self._rules):
            texts = [[*self._prompt, *beam.ids] for beam in self.running]
            logprobs = apply(self._rules, torch.tensor(texts, device=logprobs.device), logprobs)
        sums = torch.tensor([[beam.score] for beam in self.running], device=logprobs.device)
        sums = (logprobs + sums).flatten()  # [b · V]
        best = sums.topk(min(len(sums), (max(1, len(self._gpt.end_ids)) + 1) * self.B))
        found: list[_Candidate] = []
        for score, place in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            parent, i = divmod(place, logprobs.shape[1])
            ids = [*self.running[parent].ids, i]
            found.append(_Candidate(score, parent, ids, self._end(ids)))
        return found

    def _end(self, ids: list[int]) -> str | None:
        if ids[-1] in self._gpt.end_ids:
            return "end"
        if self._sampling.stop:
            writer = Writer(self._sampling.stop)
            for i in ids:
                writer.add(self._gpt.vocabulary[i].bytes)
            if writer.stopped:
                return "stop"
        return self._full if len(ids) >= self.room else None

    @torch.inference_mode()
    def go_on(self, kept: list[_Candidate], done: list[_Candidate], index: int) -> bool:
        """Takes the step; False where the search is over."""
        self.ended += [Found(one.ids, one.score / (index + 1), one.end or "") for one in done]
        self.ended = sorted(self.ended, key=lambda found: -found.score)[: self.B]
        if not kept:
            return False
        self.running = kept
        self._reader.keep_rows([one.parent for one in kept])
        return len(self.ended) < self.B or kept[0].score / (index + 1) > self.ended[-1].score


def search(
    gpt: Writing,
    prompt_ids: list[int],
    sampling: Sampling,
    cancel: CancelToken | None = None,
    *,
    intervention: Intervention | None = None,
) -> Generator[BeamStep, None, Found]:
    """The steps of a beam search; its return value is the best text (`yield from` gives it).

    Args:
        gpt: the model.
        prompt_ids: checked ids that leave room in the context.
        sampling: `beams`, `max_new_tokens`, `stop` and `repetition_penalty` are used.
        cancel: looked at before each step.
        intervention: under which it reads; None for the one that holds when the first step is taken.

    Yields:
        Each step's beams.
    """
    reader = Reader(gpt, cancel, intervention=intervention)
    state = _Search(gpt, prompt_ids, sampling, reader)
    reason = ""
    try:
        for index in range(state.room):
            if cancel is not None:
                cancel.check()
            found = state.candidates(index)
            kept = [one for one in found if one.end is None][: state.B]
            # only what is among the best B may end; what is behind is there to take an ended one's place
            done = [one for one in found[: state.B] if one.end is not None]
            yield BeamStep(index, _shown(gpt, found, kept, done))
            if not state.go_on(kept, done, index):
                break
    except Cancelled:
        reason = "stopped"
    except Exception as error:
        if not devices.is_out_of_memory(error):
            raise
        forget_frames(error)
        reason = "memory"
    finally:
        reader.close()
    if reason == "memory":
        gpt.prefixes.clear()
        devices.release()
    if reason or not state.ended:
        best = state.running[0]
        return Found(best.ids, best.score / max(1, len(best.ids)), reason)
    return state.ended[0]


def _shown(
    gpt: Writing, found: list[_Candidate], kept: list[_Candidate], done: list[_Candidate]
) -> list[Beam]:
    with gpt._tokenizer_lock:
        gpt.vocabulary.learn(one.ids[-1] for one in found)
    going, ended = {id(one) for one in kept}, {id(one) for one in done}
    others = [one for one in found if id(one) not in going]
    return [
        Beam(
            one.ids,
            one.ids[-1],
            gpt.vocabulary[one.ids[-1]].piece,
            one.score,
            one.parent,
            kept=id(one) in going,
            finished=id(one) in ended,
        )
        for one in [*kept, *others]
    ]
