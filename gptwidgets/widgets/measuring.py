"""What a change inside the model does, in numbers, each beside the untouched one; and its controls.

A change is measured on the model's thread, in steps: the next token and the text first, for which the text is
read once, then a greedy continuation, token by token. The latest change wins.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import traitlets as t

from gptwidgets.errors import ClosedError
from gptwidgets.kernel.intervention import Intervention
from gptwidgets.kernel.outcome import Outcome, other_heads, outcome, unrelated
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.kernel.worker import CancelToken
from gptwidgets.widgets.base import told
from gptwidgets.widgets.recording import Recording
from gptwidgets.widgets.wire import Handler, Reply, Steps, Task, in_words

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from concurrent.futures import Future

    import pandas as pd

    from gptwidgets.kernel.gpt import GPT

SHOWN = 5  # most probable tokens of either side
WRITTEN = 12  # tokens of the continuation
EVERY = 0.06  # seconds between two looks at a continuation
FIRST = 1  # priority: before the record that shows the same change
DRAWS = 3  # of as many other heads
SOON = 2048  # tokens; longer texts are recorded first
IS = (
    "The effect of an ablation is not the head's whole part in the task: no ablation is the right one, other "
    "heads repair some of the damage, and early heads upset everything. It counts only against the controls."
)


class Measuring(Recording):
    """The part of a widget that measures what a change does."""

    effect = told(
        t.Dict(
            help="What the change does, beside the untouched model: untouched and now {logprob, next}, text, "
            "continuation, control, words; {} without one."
        )
    )
    undoable = told(t.Int(0, help="How many changes `undo()` can take back."))

    _measuring: Future[Any] | None = None

    def __init__(self, **options: Any) -> None:
        self._baseline: tuple[Any, Outcome, str] | None = None  # of which text, under what; what it says
        super().__init__(**options)

    @property
    def intervention(self) -> Intervention:
        """What is changed here; empty for nothing."""
        raise NotImplementedError

    def effects(self) -> pd.DataFrame:
        """The next token with and without the change, as on the screen. Waits for it.

        Returns:
            Columns token, id, untouched and now (probabilities), one row a token.

        Example:
            >>> heat.switch_off(4).effects()       # doctest: +SKIP
        """
        import pandas as pd

        self.wait()
        before, now = (self.effect.get(side, {}).get("next", []) for side in ("untouched", "now"))
        rows = [(*one, other[2]) for one, other in zip(before, now, strict=True)]
        return pd.DataFrame(rows, columns=pd.Index(["token", "id", "untouched", "now"]))

    def _measure(self) -> None:
        """Begins to measure what holds now; what was being measured is of no use any more."""
        gpt, record = self._gpt, self._record
        self._stop_measuring()
        if gpt is None or gpt.closed or record is None or not record.causal:
            return
        changed, standing = self.intervention, gpt.intervention
        ids, token = [int(i) for i in record.tokens.ids], CancelToken()
        self._say(effect={**self.effect, "words": changed.words(), "is": IS, "busy": True, "control": {}})
        urgent = FIRST if len(ids) <= SOON else -FIRST
        try:
            self._measuring = gpt._model_worker.submit(
                lambda: self._measured(gpt, ids, standing, changed, token), priority=urgent, token=token
            )
        except ClosedError:
            return
        self._measuring.add_done_callback(lambda ended: self._not_measured(ended.exception(), token))

    def _stop_measuring(self) -> None:
        if self._measuring is not None:
            self._measuring.cancel()

    def _wait_measured(self, timeout: float | None) -> Self:
        job = self._measuring
        if job is not None and not job.cancelled():
            try:
                job.exception(timeout)
            except KeyboardInterrupt:
                self._stop_measuring()
                raise
        return self

    def _not_measured(self, error: BaseException | None, token: CancelToken) -> None:
        if error is not None and not token.cancelled:
            self._say(effect={"words": self.intervention.words(), "error": in_words(error)["message"]})

    def _measured(
        self, gpt: GPT, ids: list[int], standing: Intervention, changed: Intervention, token: CancelToken
    ) -> Generator[None, None, None]:
        """One measurement, told as it goes."""
        began = time.perf_counter()
        both = standing | changed
        key = (ids, standing)
        before, text = self._baseline[1:] if self._baseline and self._baseline[0] == key else (None, None)
        if before is None:
            with gpt.under(standing):
                before = outcome(gpt, ids, cancel=token)
            yield
        now = before
        if changed:
            with gpt.under(both):
                now = outcome(gpt, ids, cancel=token)
        told = {
            "words": changed.words(),
            **_beside(gpt, before, now),
            "continuation": {"untouched": text or "", "now": ""},
            "control": {},
            "is": IS,
            "tokens": before.tokens,
            "busy": True,
            "milliseconds": round((time.perf_counter() - began) * 1e3, 1),
        }
        self._tell_effect(token, told)
        yield
        written = {"untouched": text or "", "now": ""}
        for side, under in (("now", both), ("untouched", standing)):
            if side == "untouched" and text is not None:
                continue
            if side == "now" and not changed:
                continue
            since = time.monotonic()
            for piece in self._continued(gpt, ids, under, token):
                written[side] += piece
                if time.monotonic() - since > EVERY:
                    since = time.monotonic()
                    self._tell_effect(token, {**told, "continuation": dict(written)})
                yield
        if not changed:
            written["now"] = written["untouched"]
        self._baseline = (key, before, written["untouched"])
        self._tell_effect(token, {**told, "continuation": written, "busy": False})

    @staticmethod
    def _continued(gpt: GPT, ids: list[int], under: Intervention, token: CancelToken) -> Generator[str]:
        """What the model writes on, always the most probable token."""
        limit = gpt.context_length
        if limit is not None and len(ids) >= limit:
            return
        with gpt.under(under):
            stream = gpt.stream(ids, Sampling(temperature=0, max_new_tokens=WRITTEN), k=0, cancel=token)
        with_end = iter(stream)
        for step in with_end:
            yield step.tokens[0].text if step.tokens[0] is not None else ""

    def _tell_effect(self, token: CancelToken, effect: dict[str, Any]) -> None:
        with self._lock:
            if not token.cancelled:
                self._say(effect=effect)

    # Controls

    def controls(self) -> dict[str, Any]:
        """Holds the effect against its controls: as many other heads, and the same heads on another text.

        Returns:
            What then stands in `effect["control"]`: target (the token that the untouched model finds most
            probable), untouched, now and others (its probability; three draws of as many other heads), text
            and unrelated (nats a token, untouched and now, for this text and for another one).

        Raises:
            TypeError: a record or an array.
            ValueError: nothing is switched off, or too much.

        Example:
            >>> heat.switch_off(4).controls()["others"]        # doctest: +SKIP
        """
        gpt = self.wait()._gpt
        if gpt is None:
            raise TypeError("Controls need a GPT; this heatmap shows a record or an array.")
        steps = self._control_steps(CancelToken())
        job = gpt._model_worker.submit(lambda: steps)
        return dict(job.result().content)

    def _measuring_requests(self) -> dict[str, Handler]:
        return {"control": self._on_control}

    def _on_control(self, _request: dict[str, Any], _buffers: Any) -> Task:
        gpt = self._gpt
        if gpt is None or gpt.closed:
            raise ClosedError("There is no open model here to compare with.")
        token = CancelToken()
        return Task(lambda: self._control_steps(token), gpt._model_worker, token=token)

    def _control_steps(self, token: CancelToken) -> Steps:
        gpt, record, changed = self._gpt, self._record, self.intervention
        if gpt is None or record is None or not changed:
            raise ValueError("Nothing is switched off, so there is nothing to hold against anything.")
        standing, effect = gpt.intervention, self._measuring
        ids = [int(i) for i in record.tokens.ids]
        draws = [other_heads(gpt, changed, seed) for seed in range(DRAWS)]

        def read(text: Sequence[int], *under: Intervention) -> Generator[None, None, list[Outcome]]:
            made: list[Outcome] = []
            for one in under:
                with gpt.under(standing | one):
                    made.append(outcome(gpt, text, cancel=token))
                yield
            return made

        nothing = Intervention()
        before, now, *others = yield from read(ids, nothing, changed, *draws)
        other = unrelated(gpt)
        there, gone = yield from read(other, nothing, changed)
        target = before.likely(1)[0]

        def prob(one: Outcome) -> float:
            return float(np.exp(one.next[target]))

        control = {
            "target": _pieces(gpt, [target])[0],
            "untouched": prob(before),
            "now": prob(now),
            "others": [prob(one) for one in others],
            "named": [draw.words() for draw in draws],
            "text": [before.text / max(1, before.tokens), now.text / max(1, now.tokens)],
            "unrelated": [there.text / there.tokens, gone.text / gone.tokens],
            "unit": "nats a token",
        }
        with self._lock:
            if effect is self._measuring and changed == self.intervention:
                self._say(effect={**self.effect, "control": control})
        return Reply(control)


def _beside(gpt: GPT, before: Outcome, now: Outcome) -> dict[str, Any]:
    """The most probable next tokens of both, in the order of the untouched one, and the text."""
    likely, after = before.likely(SHOWN), now.likely(SHOWN)
    ids = [*likely, *(i for i in after if i not in likely)][: SHOWN + 2]
    pieces = _pieces(gpt, ids)

    def side(one: Outcome) -> dict[str, Any]:
        rows = [[piece, i, float(np.exp(one.next[i]))] for piece, i in zip(pieces, ids, strict=True)]
        return {"logprob": float(one.next[likely[0]]), "next": rows}

    text = {"untouched": before.text, "now": now.text, "unit": "nats"}
    return {"untouched": side(before), "now": side(now), "text": text if before.tokens else {}}


def _pieces(gpt: GPT, ids: list[int]) -> list[str]:
    with gpt._tokenizer_lock:
        gpt.vocabulary.learn(ids)
    return [gpt.vocabulary[i].piece for i in ids]
