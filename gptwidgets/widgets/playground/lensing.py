"""The logit lens of the shown text: what the model would say if it stopped after each of its layers.

The page asks for it when somebody presses a button, a window of the text at a time; Python takes all of it.
What is changed inside the model here is felt, as it is by the next token.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets as t

from gptwidgets.errors import DoesNotFitError, TextError
from gptwidgets.kernel.worker import CancelToken
from gptwidgets.widgets.columns import pack
from gptwidgets.widgets.playground.comparing import Comparing
from gptwidgets.widgets.progress import throttled
from gptwidgets.widgets.values import whole
from gptwidgets.widgets.wire import Handler, Reply, Steps, Task

if TYPE_CHECKING:
    from gptwidgets.kernel.lens import Lens
    from gptwidgets.widgets.playground.tree import Node

WINDOW = 64  # tokens that a page shows at once
READS = 2048  # tokens that are read for it, of which each layer's hidden states are kept for a moment
BEST = 5


class Cell(t.TraitType[Any, Any]):
    """A cell of the lens: [layers that ran, position of a token], or None."""

    allow_none = True
    default_value = None

    def validate(self, obj: Any, value: Any) -> list[int] | None:
        """Checks for two whole numbers from 0 on, of which the first is at most the number of layers."""
        if value is None:
            return None
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise ValueError(f"lens_cell is [layers, position], or None for no cell, not {value!r}.")
        layers, position = whole(value[0], "A number of layers"), whole(value[1], "A position")
        most = getattr(getattr(obj, "_gpt", None), "n_layers", layers)
        if not 0 <= layers <= most:
            raise IndexError(f"The model cannot stop after {layers} layers: it has {most}.")
        if position < 0:
            raise IndexError(f"A position counts from 0, and is not {position}.")
        return [layers, position]


class Lensing(Comparing):
    """The part of a playground that shows what each layer would say."""

    lens_cell = Cell(help="The chosen cell of the logit lens: [layers, position], or None.").tag(sync=True)

    def lens(
        self,
        leaf: str | Node | None = None,
        *,
        k: int = BEST,
        layers: Iterable[int] | None = None,
        start: int = 0,
    ) -> Lens:
        """What the model would say after each of its layers, at each token; see `gpt.logit_lens`.

        Under what is changed inside the model here (`heads_off`, `cut`).

        Args:
            leaf: the node whose text is read; by default the one that is shown.
            k: how many of the most probable tokens of each place.
            layers: after how many layers to look: 0 (the embedding alone) to all; all by default.
            start: the first token to look at; those before it are only read.

        Raises:
            TextError: there is nothing to read, or the model is served elsewhere.
            IndexError: more layers than there are, or no such token.

        Example:
            >>> play.lens().table()                                 # doctest: +SKIP
        """
        self._has_layers()
        ids = self.nodes.ids(self._shown(leaf))
        with self._felt():
            return self._gpt.logit_lens(ids, k=k, layers=layers, start=start)

    def _has_layers(self) -> None:
        """Says in words where the layers of a model are out of reach."""
        if not hasattr(self._gpt, "logit_lens"):
            raise TextError(
                f"What the layers of {self._gpt.name} would say is only seen where it runs in this kernel: "
                "load it with gw.load()."
            )

    def _requests(self) -> dict[str, Handler]:
        return {**super()._requests(), "lens": self._on_lens}

    def _on_lens(self, request: dict[str, Any], _buffers: Any) -> Task:
        """The lens of a window of the text around a token, or at its end."""
        self._has_layers()
        name, at = self._asked(request, "node"), request.get("at")
        gpt, changed, token = self._gpt, self.intervention, CancelToken()
        self._jobs.add(token)

        def steps() -> Steps:
            try:
                yield None
                node = self._root(self.source, draft=True) if not name else self.nodes[name]
                if node.kind == "prompt":
                    self._say(tree=self._tree_told())
                ids = self.nodes.ids(node)
                start, end = window(len(ids), len(ids) if at is None else self._place(node, at))
                if end > READS:
                    raise DoesNotFitError(
                        f"The page reads at most {READS:,} tokens for this; choose an earlier token, or use "
                        f"play.lens(start={start}) in Python."
                    )
                tell = throttled(lambda progress: self._say(progress=progress))
                with self._felt(changed):
                    found = gpt.logit_lens(
                        ids[:end], k=min(BEST, gpt.vocabulary_size), start=start, progress=tell, cancel=token
                    )
                return Reply(*self._lens_told(found, node, len(ids), changed.words()))
            finally:
                self._jobs.discard(token)
                self._say(progress={})

        return Task(steps, gpt._model_worker, token=token)

    def _lens_told(
        self, lens: Lens, node: Node, length: int, under: str
    ) -> tuple[dict[str, Any], list[bytes]]:
        """A lens as the page takes it: columns read i4[T], id i4[R, T, k] and prob f4[R, T, k]."""
        read = np.asarray(lens.text.ids, np.int32)
        spec, data = pack({"read": read, "id": lens.ids, "prob": lens.probabilities})
        content = {
            "node": node.id,
            "start": lens.start,
            "length": length,
            "layers": list(lens.layers),
            "under": under,
            "columns": spec,
            "pieces": self._vocabulary.some(np.unique(np.append(lens.ids, read)).tolist()),
        }
        return content, [data]

    @t.observe("lens_cell")
    def _cell_chosen(self, change: Any) -> None:
        """The token of a chosen cell is kept, where the shown text has it."""
        cell, node = change["new"], self.nodes.nodes.get(self.leaf)
        if cell is not None and node is not None and cell[1] < self.nodes.length(node):
            self.token = cell[1]

    @t.observe("leaf", "gpt")
    def _cell_is_of_another_text(self, _change: Any) -> None:
        if self.comm is not None and self.lens_cell is not None:
            self._say(lens_cell=None)


def window(length: int, at: int) -> tuple[int, int]:
    """The tokens that a page shows around one of them: the first one, and the one after the last.

    Example:
        >>> window(40, 3), window(1000, 500), window(1000, 1000)
        ((0, 40), (468, 532), (936, 1000))
    """
    start = max(0, min(at - WINDOW // 2, length - WINDOW))
    return start, min(length, start + WINDOW)
