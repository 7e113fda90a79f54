"""Many prompts under many settings, as one table."""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any, Literal

from gptwidgets.errors import Cancelled, ClosedError
from gptwidgets.kernel.progress import progress_bar
from gptwidgets.kernel.worker import CancelToken, Report
from gptwidgets.widgets.playground import engine as engines
from gptwidgets.widgets.playground.service import Service
from gptwidgets.widgets.playground.writing import RUN
from gptwidgets.widgets.progress import throttled

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.kernel.sampling import Sampling
    from gptwidgets.kernel.worker import Progress


class Sweeping(Service):
    """`sweep()`."""

    def sweep(
        self,
        prompts: str | Sequence[Any],
        *,
        temperatures: Iterable[float] | None = None,
        seeds: Iterable[int | None] | None = None,
        progress: Progress | Literal[False] | None = None,
        **rules: Iterable[Any],
    ) -> pd.DataFrame:
        """Writes from every prompt at every temperature with every seed; the tree stays as it is.

        Args:
            prompts: a text, or a list of texts, of lists of chat messages or of lists of ids.
            temperatures: by default that of the playground.
            seeds: by default that of the playground, or 0.
            progress: called with each Report; by default a bar that appears after a second; False for none.
            **rules: values of any other part of `gw.Sampling`, such as `top_p=[0.5, 0.9]`.

        Returns:
            One row a run: prompt, the settings that vary, text, tokens, logprob (the sum over the tokens, in
            nats, before the sampling rules), reason, seconds. `stop()`, from a page or another thread, ends
            it within one token; the rows until then are returned, the run that was stopped included.

        Raises:
            ClosedError: the model was closed.

        Example:
            >>> play.sweep(["The sea", "The sky"], temperatures=[0, 0.7], seeds=range(3))  # doctest: +SKIP
        """
        import pandas as pd

        texts: list[Any] = [prompts] if isinstance(prompts, str) or _is_chat(prompts) else list(prompts)
        first = self.sampling
        axes: dict[str, list[Any]] = {
            "temperature": [first.temperature] if temperatures is None else list(temperatures),
            "seed": [first.seed or 0] if seeds is None else list(seeds),
            **{name: _listed(name, values) for name, values in rules.items()},
        }
        cells = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
        plan = [
            (text, cell, first.replace(**cell)) for text in texts for cell in cells
        ]  # refused before any run
        token = CancelToken()
        rows: list[dict[str, Any]] = []
        self._jobs.add(token)
        latest = Report("sweep", 0, len(plan), "runs")
        on_page = throttled(lambda told: self._say(progress=told))
        try:
            with progress_bar(progress) as show:
                future = self._gpt._model_worker.submit(
                    lambda: self._sweep(plan, rows, token), priority=RUN, token=token
                )

                def poll() -> None:
                    nonlocal latest
                    if latest.done != len(rows):
                        latest = Report("sweep", len(rows), len(plan), "runs")
                        show(latest)
                        on_page(latest)

                try:
                    while not future.done():
                        wait([future], 0.05)
                        poll()
                    future.result()
                except KeyboardInterrupt:
                    future.cancel()
                    raise
        except Cancelled:
            if self._gpt.closed:
                raise ClosedError(
                    f"{self._gpt.name} was closed meanwhile; {engines.again(self._gpt)}."
                ) from None
        finally:
            self._jobs.discard(token)
            self._say(progress={})
        columns = ["prompt", *axes, "text", "tokens", "logprob", "reason", "seconds"]
        return pd.DataFrame(rows, columns=columns)

    def _sweep(
        self, plan: list[tuple[Any, dict[str, Any], Sampling]], rows: list[dict[str, Any]], token: CancelToken
    ) -> Generator[None, None, None]:
        for text, cell, rules in plan:
            began = time.monotonic()
            stream = self._gpt.stream(text, rules, k=1, cancel=token)
            parts: list[str] = []
            logprob = 0.0
            try:
                for step in stream:
                    if step.tokens[0] is not None:
                        parts.append(step.tokens[0].text)
                        logprob += step.tokens[0].logprob
                    yield
            finally:
                stream.close()
                if parts:  # a run that was stopped in the middle has a row, too
                    row = {"prompt": text, **cell, "seed": stream.seeds[0], "text": "".join(parts)}
                    row |= {
                        "tokens": len(parts),
                        "logprob": logprob,
                        "reason": stream.reasons[0] or "stopped",
                    }
                    rows.append({**row, "seconds": round(time.monotonic() - began, 3)})


def _is_chat(prompts: Any) -> bool:
    return bool(len(prompts)) and all(isinstance(part, Mapping) for part in prompts)


def _listed(name: str, values: Any) -> list[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} is a list of values to try, such as {name}=[{values!r}].")
    return list(values)
