"""What a GPT writes: streams, whole texts, and the best text of several beams."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from gptwidgets.kernel.asking import Asking, count, token_of
from gptwidgets.kernel.sampling import checked_sampling
from gptwidgets.kernel.worker import CancelToken, Progress, Report

if TYPE_CHECKING:
    from collections.abc import Generator

    from gptwidgets.kernel.beams import BeamStep, Found
    from gptwidgets.kernel.generation import Generation
    from gptwidgets.kernel.record import AttentionRecord
    from gptwidgets.kernel.sampling import Sampling
    from gptwidgets.kernel.stream import Stream

MOST_SEQUENCES = 256


class Writing(Asking):
    """The part of a GPT that writes; see `GPT`.

    Attributes:
        last: what the last `generate` wrote, also where it was interrupted.
    """

    last: Generation | None = None

    def stream(
        self,
        prompt: Any,
        sampling: Sampling | None = None,
        *,
        n: int = 1,
        k: int = 10,
        cancel: CancelToken | None = None,
        reuse: bool = True,
        record: bool | AttentionRecord = False,
    ) -> Stream:
        """Writes on from a prompt, token by token.

        Args:
            prompt: whatever `encode` takes; chat messages are answered.
            sampling: how tokens are chosen; `gw.Sampling()` by default.
            n: how many sequences; their seeds are seed, seed + 1, … In float32 on the CPU each is what its
                seed gives alone; elsewhere the same batch gives the same texts.
            k: how many alternatives to tell of each token.
            cancel: a token that stops the run from another thread, within one token.
            reuse: whether to begin with what earlier runs have read already.
            record: whether to keep what the attention heads look at: `stream.record` then grows with every
                token. A record instead of True: what its text has in common with this one is taken over.

        Returns:
            An iterator of Steps, which also knows why each sequence ended and all that was written. Closing
            it ends the run. The model is held for one forward pass at a time.

        Raises:
            TextError: see `encode`; also a prompt that leaves no room in the context.
            ValueError, TypeError: settings that cannot be.
            ClosedError: after `close()`.
        """
        from gptwidgets.kernel.stream import Stream

        settings = checked_sampling(sampling)
        if settings.beams > 1:
            raise ValueError("Beams cannot be streamed as text: use gpt.beam_search(…) or gpt.generate(…).")
        return Stream(
            self,
            self._prompt(prompt, room=True),
            settings,
            n=count("n", n, 1, MOST_SEQUENCES),
            k=count("k", k, 0, self.vocabulary_size),
            cancel=token_of(cancel),
            reuse=bool(reuse),
            record=record,
        )

    def generate(
        self,
        prompt: Any,
        sampling: Sampling | None = None,
        *,
        n: int = 1,
        k: int = 10,
        cancel: CancelToken | None = None,
        progress: Progress | None = None,
        reuse: bool = True,
    ) -> Generation:
        """Writes on from a prompt, and returns when it is done.

        Args:
            prompt: see `stream`, as for all but:
            sampling: with beams > 1 the best text that a beam search finds.
            n: how many sequences.
            k: how many alternatives of each token.
            cancel: stops it; what was written until then is returned.
            progress: called with a Report after each token.
            reuse: see `stream`.

        Returns:
            What was written. Where Ctrl-C (or the notebook's stop button) interrupted it, `gpt.last` has it.

        Raises:
            See `stream`.

        Example:
            >>> gpt.generate("The capital of France is", gw.Sampling(temperature=0)).text  # doctest: +SKIP
        """
        from gptwidgets.kernel.generation import finished

        settings = checked_sampling(sampling)
        if settings.beams > 1:
            self.last = self._best_beam(prompt, settings, n=n, k=k, cancel=cancel, progress=progress)
            return self.last
        stream = self.stream(prompt, settings, n=n, k=k, cancel=cancel, reuse=reuse)
        return finished(self, stream, progress)

    def beam_search(
        self, prompt: Any, sampling: Sampling | None = None, *, cancel: CancelToken | None = None
    ) -> Generator[BeamStep, None, Found]:
        """Searches for the most probable text along several beams, and shows each step.

        Args:
            prompt: whatever `encode` takes; chat messages are answered.
            sampling: how many beams (4 by default) and tokens, where to stop, the repetition penalty.
            cancel: a token that stops the search from another thread, within one step.

        Returns:
            An iterator of BeamSteps: the beams that go on, that ended, and that were dropped. Its return
            value is the best text, which `gpt.generate` with beams > 1 gives, too.

        Raises:
            See `stream`.
        """
        from gptwidgets.kernel import beams
        from gptwidgets.kernel.sampling import Sampling

        settings = Sampling(beams=4) if sampling is None else checked_sampling(sampling)
        if settings.temperature not in {0.0, 1.0}:
            raise ValueError("Beam search leaves nothing to chance: leave temperature out (or at 0).")
        ids, now = self._prompt(prompt, room=True), self.intervention
        return beams.search(self, ids, settings, token_of(cancel), intervention=now)

    def _best_beam(
        self,
        prompt: Any,
        sampling: Sampling,
        *,
        n: int,
        k: int,
        cancel: CancelToken | None,
        progress: Progress | None,
    ) -> Generation:
        """The best text of a beam search, with what a second reading says of its tokens."""
        from gptwidgets.kernel.generation import of_scores

        if count("n", n, 1) > 1:
            raise ValueError("A beam search gives one text: leave n out, or watch gpt.beam_search(…).")
        ids, now = self._prompt(prompt, room=True), self.intervention
        steps = self.beam_search(ids, sampling, cancel=cancel)
        began, at = time.perf_counter(), 0
        while True:
            try:
                at = next(steps).index + 1
            except StopIteration as end:
                found: Found = end.value
                break
            if progress is not None:
                progress(Report("writing", at, sampling.max_new_tokens, "tokens"))
        each = (time.perf_counter() - began) * 1e3 / max(1, at)
        with self.under(now):
            scores = self.scores([*ids, *found.ids], k=k)
        return of_scores(scores, len(ids), sampling, self.vocabulary, reason=found.reason, milliseconds=each)
