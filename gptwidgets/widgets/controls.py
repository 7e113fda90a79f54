"""What an effect is held against: as many other heads, and the same heads on an unrelated text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gptwidgets.errors import ClosedError
from gptwidgets.kernel.intervention import NOTHING, Intervention
from gptwidgets.kernel.outcome import Outcome, other_heads, outcome, unrelated
from gptwidgets.kernel.worker import CancelToken
from gptwidgets.widgets.measuring import Measuring, pieces
from gptwidgets.widgets.wire import Handler, Reply, Steps, Task

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

DRAWS = 3  # of as many other heads


class Controls(Measuring):
    """The part of a widget that compares an effect with what is not one."""

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

    def _control_requests(self) -> dict[str, Handler]:
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
        standing, measured = gpt.intervention, self._round
        ids = [int(i) for i in record.tokens.ids]
        draws = [other_heads(gpt, changed, seed) for seed in range(DRAWS)]

        def read(text: Sequence[int], *under: Intervention) -> Generator[None, None, list[Outcome]]:
            made: list[Outcome] = []
            for one in under:
                with gpt.under(standing | one):
                    made.append(outcome(gpt, text, cancel=token))
                yield
            return made

        before, now, *others = yield from read(ids, NOTHING, changed, *draws)
        other = unrelated(gpt)
        there, gone = yield from read(other, NOTHING, changed)
        target = before.likely(1)[0]

        def prob(one: Outcome) -> float:
            return float(np.exp(one.next[target]))

        control = {
            "target": pieces(gpt, [target])[0],
            "untouched": prob(before),
            "now": prob(now),
            "others": [prob(one) for one in others],
            "named": [draw.words() for draw in draws],
            "text": [before.text / max(1, before.tokens), now.text / max(1, now.tokens)],
            "unrelated": [there.text / there.tokens, gone.text / gone.tokens],
            "unit": "nats a token",
        }
        with self._lock:
            if measured == self._round:
                self._say(effect={**self.effect, "control": control})
        return Reply(control)
