"""A GPT with interventions: which ones stand, what they need, and everything exactly as before afterwards."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial, reduce
from operator import or_
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from gptwidgets.errors import TextError, UnsupportedModelError
from gptwidgets.kernel import device as devices
from gptwidgets.kernel import fallback, holding, projections
from gptwidgets.kernel.editing import Capture, Edits, Reference
from gptwidgets.kernel.encoding import encode
from gptwidgets.kernel.held import Held
from gptwidgets.kernel.intervention import NOTHING, Ablation, Intervention
from gptwidgets.kernel.prefill import evaluation
from gptwidgets.kernel.shape import vocabulary_size

TEXT = Path(__file__).with_name("reference.txt")  # the beginning of "Alice's Adventures in Wonderland", 1865
DRAWS = 64  # positions of the reference text that resampling takes turns with
SEED = 0
REMEMBERED = 16  # compiled interventions that are kept


class Intervening(Held):
    """The part of a GPT that can be changed while it runs; see `GPT`."""

    def intervene(
        self,
        *,
        heads_off: Iterable[Any] = (),
        ablation: Ablation = "zero",
        cut: Iterable[Any] = (),
        scale: Mapping[Any, float] | None = None,
    ) -> Block:
        """Changes what heads do, for as long as a `with` block lasts.

        It holds for all that this GPT is asked within the block, and for direct calls of `gpt.model(…)` from
        any thread (which take `gpt.lock`, as ever). What was asked before the block goes on as it began, and
        what was asked within it ends as it began. A block within a block adds to the one outside. However
        the block ends, afterwards everything is as it was.

        No ablation is best: "zero" takes a head further from what the model knows than "mean" does, and after
        either other heads may do part of its work.

        Args:
            heads_off: heads to switch off: (layer, head), or names like "L18H6".
            ablation: what stands for their output: "zero"; "mean", their mean output over a text that the
                package ships; "resample", their outputs at some places of that text.
            cut: edges (layer, head, query, key), or ("L18H6", query, key): the query no longer sees the key,
                whose weight goes to the others. Positions count from the start of the text; one beyond its
                end changes nothing.
            scale: a factor for the output of each of some heads.

        Returns:
            A context manager, which gives the `Intervention` that then holds.

        Raises:
            IndexError, TypeError, ValueError: heads, edges and factors that there are not.
            UnsupportedModelError: what this model's attention does not allow.
            ClosedError: after `close()`.

        Example:
            >>> with gpt.intervene(heads_off=["L18H6", (17, 3)], ablation="mean"):     # doctest: +SKIP
            ...     gpt.next_token("The students greeted Professor Z")
        """
        self._open()
        made = Intervention.of(self, heads_off=heads_off, ablation=ablation, cut=cut, scale=scale)
        return Block(self, made)

    @property
    def intervention(self) -> Intervention:
        """The one that holds now, in this thread; empty where there is none."""
        if self.closed or "_sites" not in self.__dict__:
            return NOTHING
        here = holding.own(self._sites)
        return self._blocks.intervention if here is None or here.rows[1:] else here.rows[0]

    @contextmanager
    def under(self, intervention: Intervention | Sequence[Intervention]) -> Generator[None]:
        """Runs what this thread asks of this GPT under exactly this intervention, whatever else stands.

        Args:
            intervention: one; or one for each row of the batch, for direct calls of the model.

        Example:
            >>> with gpt.under(Intervention.of(gpt, heads_off=["L1H2"])):     # doctest: +SKIP
            ...     gpt.next_token("Once upon a")
        """
        rows = (intervention,) if isinstance(intervention, Intervention) else tuple(intervention)
        with holding.within(self._edits(rows)):
            yield

    # -- what the layers are told ----------------------------------------------------------------

    @cached_property
    def _blocks(self) -> _Blocks:
        made = _Blocks()
        self.on_close(self._forget_interventions)
        return made

    @cached_property
    def _compiled(self) -> dict[tuple[Intervention, ...], Edits]:
        return {}

    @cached_property
    def _sites(self) -> holding.Sites:
        """Where this model's heads are."""
        model, attachment = self._open()
        if attachment.kind == "hooks":
            made: holding.Sites = projections.Sites(model, attachment)
        else:
            known = set(attachment.layers)
            modules = [(m, n) for m in model.modules() if (n := getattr(m, "layer_idx", None)) in known]
            made = holding.Sites(modules, fallback.configs(model), lazy=attachment.chunked)
        attachment.on_detach(partial(holding.stand, made, None))  # also of a GPT that nobody closes
        return made

    def _edits(self, rows: tuple[Intervention, ...]) -> Edits:
        """The interventions as the layers understand them; what they need is read from the model once."""
        found = self._compiled.get(rows)
        if found is None:
            sites, something = self._sites, [row for row in rows if row]
            if something:
                sites.prepare(self)
                for row in something:
                    sites.check(row)
            needed = any(row.heads_off and row.ablation != "zero" for row in rows)
            found = Edits(sites, rows, self._reference if needed else None)
            while len(self._compiled) >= REMEMBERED:
                self._compiled.pop(next(iter(self._compiled)), None)
            self._compiled[rows] = found
        return found

    @cached_property
    def _reference(self) -> Reference:
        """What each head gives on the text that the package ships, under no intervention."""
        if self._tokenizer is None:
            raise TextError(
                f"{self.name} was given without a tokenizer and cannot read the reference text: "
                'use ablation="zero", or load it with tokenizer=….'
            )
        with self._tokenizer_lock:
            ids = encode(TEXT.read_text("ascii"), self._tokenizer, vocabulary_size(self.model))
        ids = ids[: self.context_length]
        means: dict[int, Tensor] = {}
        draws: dict[int, Tensor] = {}
        chosen = torch.randperm(len(ids), generator=torch.Generator().manual_seed(SEED))[:DRAWS]

        def see(layer: int, out: Tensor) -> None:
            if layer in means:
                raise UnsupportedModelError(
                    f"{self.name} attends several times in layer {layer}: its heads can be switched off to "
                    "zero, but have no one output that could stand for them."
                )
            means[layer] = out[0].float().mean(0)
            draws[layer] = out[0, chosen.to(out.device)].float()

        too_much = f"There is not enough memory to read the reference text on {self.device}."
        with self.lock, devices.memory_in_words(too_much), torch.inference_mode(mode=False), torch.no_grad():
            model: Any = self._open()[0]
            self._sites.prepare(self)
            with evaluation(model), holding.within(Capture(self._sites, see)):
                model.base_model(input_ids=torch.tensor([ids], device=self.device), use_cache=False)
        return Reference(means, draws)

    def _settle(self) -> Intervention:
        """Lets hold what the open blocks say, and returns it."""
        both = NOTHING if self.closed else self._blocks.intervention
        holding.stand(self._sites, self._edits((both,)) if both else None)
        return both

    def _forget_interventions(self) -> None:
        """On close: nothing of the model is held; that nothing stands any more, detaching has seen to."""
        self._compiled.clear()
        self.__dict__.pop("_reference", None)


class _Blocks:
    """The blocks that are open, in the order in which they were entered; threads may share them."""

    def __init__(self) -> None:
        self.open: list[tuple[object, Intervention]] = []

    @property
    def intervention(self) -> Intervention:
        """All of them at once."""
        return reduce(or_, [made for _, made in list(self.open)], NOTHING)


class Block:
    """What `gpt.intervene` returns: a context manager, which may be entered again, and left twice."""

    def __init__(self, gpt: Intervening, intervention: Intervention) -> None:
        self._gpt, self._intervention = gpt, intervention
        self._entered: list[object] = []

    def __enter__(self) -> Intervention:
        """Lets it hold; returns all that then holds."""
        gpt, token = self._gpt, object()
        gpt._open()
        blocks = gpt._blocks
        gpt._edits((blocks.intervention | self._intervention,))  # what it must read from the model, first
        self._entered.append(token)
        try:
            with gpt.lock:  # never in the middle of somebody's pass
                blocks.open.append((token, self._intervention))
                return gpt._settle()
        except BaseException:
            self._leave(token)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends it, also while an interrupt waits for the model."""
        if not self._entered:
            return
        token = self._entered[-1]
        locked = False
        try:
            locked = self._gpt.lock.acquire()
        finally:
            self._leave(token)
            if locked:
                self._gpt.lock.release()

    def _leave(self, token: object) -> None:
        try:
            self._remove(token)
        except BaseException:  # an interrupt must not leave heads off
            self._remove(token)
            raise

    def _remove(self, token: object) -> None:
        blocks = self._gpt._blocks
        blocks.open[:] = [one for one in blocks.open if one[0] is not token]
        self._entered[:] = [one for one in self._entered if one is not token]
        self._gpt._settle()
