"""What a change inside the model does, in numbers, each beside the untouched one.

A change is measured on the model's thread, in steps: the next token and the text first, for which the text is
read once, then a greedy continuation, token by token. The latest change wins.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
import traitlets as t

from gptwidgets.errors import ClosedError, GPTWidgetsError
from gptwidgets.kernel.intervention import Intervention
from gptwidgets.kernel.outcome import Outcome, outcome
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.kernel.worker import CancelToken
from gptwidgets.widgets.base import told
from gptwidgets.widgets.recording import Recording
from gptwidgets.widgets.wire import in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from concurrent.futures import Future

    import pandas as pd

    from gptwidgets.kernel.gpt import GPT

SHOWN = 5  # most probable tokens of either side
WRITTEN = 8  # tokens of the continuation
EVERY = 0.06  # seconds between two looks at a continuation
FIRST, MAP, LATER = 3, 2, 1  # priorities: the numbers, the record that shows the change, the continuation
SOON = 2048  # tokens; longer texts are recorded first
IS = (
    "The effect of an ablation is not the head's whole part in the task: no ablation is the right one, other "
    "heads repair some of it, and early heads matter to any text. It counts only against the controls."
)


_Written: TypeAlias = "tuple[int, str]"


@dataclass
class _Baseline:
    """What the untouched model says of a text, kept for all changes of it."""

    of: tuple[list[int], Intervention]
    outcome: Outcome
    written: list[_Written] = field(default_factory=list[_Written])
    whole: bool = False  # it has been written to its end

    @property
    def text(self) -> str:
        return _text(self.written)


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
        self._baseline: _Baseline | None = None
        self._round = 0  # how often it was measured
        super().__init__(**options)

    ablation: Any

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
        self._round += 1
        if gpt is None or gpt.closed or record is None or not record.causal:
            return
        changed, standing = self.intervention, gpt.intervention
        ids, token = [int(i) for i in record.tokens.ids], CancelToken()
        self._say(effect={**self.effect, "words": changed.words(), "is": IS, "busy": True, "control": {}})
        urgent = FIRST if len(ids) <= SOON else LATER
        self._go_on(gpt, lambda: self._measured(gpt, ids, standing, changed, token), urgent, token)

    def _go_on(self, gpt: GPT, job: Callable[[], Any], priority: int, token: CancelToken) -> None:
        with self._lock, contextlib.suppress(ClosedError):
            if not token.cancelled:
                self._measuring = gpt._model_worker.submit(job, priority=priority, token=token)
                self._measuring.add_done_callback(lambda end: self._not_measured(end.exception(), token))

    def _stop_measuring(self) -> None:
        if self._measuring is not None:
            self._measuring.cancel()

    def _wait_measured(self, timeout: float | None) -> Self:
        job = None
        while job is not self._measuring:  # the continuation follows the numbers
            job = self._measuring
            try:
                if job is not None:
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
        """Numbers, for which the text is read once; then, when nothing is more urgent, how it goes on."""
        began = time.perf_counter()
        both, base = standing | changed, self._baseline
        if base is None or base.of != (ids, standing):
            with gpt.under(standing):
                base = self._baseline = _Baseline((ids, standing), outcome(gpt, ids, cancel=token))
            yield
        now = base.outcome
        if changed:
            with gpt.under(both):
                now = outcome(gpt, ids, [i for i, _ in base.written], cancel=token)
        told = {
            "words": changed.words(),
            **_beside(gpt, base.outcome, now),
            "continuation": {"untouched": base.text, "now": _text(base.written[: now.agrees])},
            "control": {},
            "is": IS,
            "tokens": now.tokens,
            "busy": True,
            "milliseconds": round((time.perf_counter() - began) * 1e3, 1),
        }
        self._tell_effect(token, told)
        go_on = {**told, "agrees": now.agrees}
        self._go_on(gpt, lambda: self._written(gpt, base, changed, token, **go_on), LATER, token)

    def _written(
        self, gpt: GPT, base: _Baseline, changed: Intervention, token: CancelToken, **told: Any
    ) -> Generator[None, None, None]:
        """How the text goes on with the change and without it, token by token, as far as it is not known."""
        ids, standing = base.of
        both, agrees = standing | changed, told.pop("agrees")
        since = time.monotonic()
        now = base.written[:agrees]
        while now and not now[-1][1]:
            now.pop()  # in the middle of a character
        sides = [(now, both)] if changed and not (base.whole and agrees == len(base.written)) else []
        if not base.whole:
            sides.append((base.written, standing))
            base.written.clear()
        for written, under in sides:
            for one in self._continued(gpt, ids, written, under, token):
                written.append(one)
                if time.monotonic() - since > EVERY:
                    since = time.monotonic()
                    going = {"untouched": base.text, "now": _text(now)}
                    self._tell_effect(token, {**told, "continuation": going})
                yield
            base.whole = base.whole or written is base.written
        whole = {"untouched": base.text, "now": _text(now) if changed else base.text}
        self._tell_effect(token, {**told, "continuation": whole, "busy": False})
        if not changed:
            self._make_ready(gpt)

    def _make_ready(self, gpt: GPT) -> None:
        """Reads what stands for a head that is off, so that the first one is off at once."""
        head = (gpt.attention_layers[0], 0)
        with contextlib.suppress(GPTWidgetsError), gpt.under(Intervention(frozenset({head}), self.ablation)):
            pass

    @staticmethod
    def _continued(
        gpt: GPT, ids: list[int], written: list[_Written], under: Intervention, token: CancelToken
    ) -> Generator[_Written]:
        """What the model writes on, always the most probable token: (id, text)."""
        ids = [*ids, *(i for i, _ in written)]
        limit, rest = gpt.context_length, WRITTEN - len(written)
        if rest <= 0 or (limit is not None and len(ids) >= limit):
            return
        with gpt.under(under):
            stream = gpt.stream(ids, Sampling(temperature=0, max_new_tokens=rest), k=0, cancel=token)
        for step in stream:
            if (one := step.tokens[0]) is not None:
                yield one.id, one.text

    def _tell_effect(self, token: CancelToken, effect: dict[str, Any]) -> None:
        with self._lock:
            if not token.cancelled:
                self._say(effect={**effect, "control": self.effect.get("control", {})})


def _beside(gpt: GPT, before: Outcome, now: Outcome) -> dict[str, Any]:
    """The most probable next tokens of both, in the order of the untouched one, and the text."""
    likely, after = before.likely(SHOWN), now.likely(SHOWN)
    ids = [*likely, *(i for i in after if i not in likely)][: SHOWN + 2]
    names = pieces(gpt, ids)

    def side(one: Outcome) -> dict[str, Any]:
        rows = [[piece, i, float(np.exp(one.next[i]))] for piece, i in zip(names, ids, strict=True)]
        return {"logprob": float(one.next[likely[0]]), "next": rows}

    text = {"untouched": before.text, "now": now.text, "unit": "nats"}
    return {"untouched": side(before), "now": side(now), "text": text if before.tokens else {}}


def pieces(gpt: GPT, ids: list[int]) -> list[str]:
    """Tokens as people read them."""
    with gpt._tokenizer_lock:
        gpt.vocabulary.learn(ids)
    return [gpt.vocabulary[i].piece for i in ids]


def _text(written: list[_Written]) -> str:
    return "".join(text for _, text in written)
