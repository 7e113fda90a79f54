"""A GPT on a device of this kernel: what it is, text to ids, recording, and giving its memory back."""

from __future__ import annotations

import sys
import threading
import warnings
import weakref
from typing import TYPE_CHECKING, Any, Literal, Self

from gptwidgets.errors import ClosedError, TextError
from gptwidgets.kernel import budget
from gptwidgets.kernel import device as devices
from gptwidgets.kernel.encoding import encode
from gptwidgets.kernel.progress import progress_bar
from gptwidgets.kernel.shape import Shape, vocabulary_size
from gptwidgets.kernel.worker import CancelToken, Worker, forget_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    import torch
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    from gptwidgets.kernel.attention import Attachment
    from gptwidgets.kernel.record import AttentionRecord
    from gptwidgets.kernel.worker import Progress


class GPT:
    """A decoder-only transformer with its tokenizer, ready to be looked into. Made by `gw.load()`.

    Attributes:
        name: what it was loaded as.
        why: a sentence: on which device it is, in which arithmetic, and why.
        notes: what one should know about it (where its weights come from, how attention is recorded).
        lock: held while the model runs; whoever calls `gpt.model` from a second thread takes it.
        reader: a worker for reading records, so that hovering never waits behind a forward pass.

    Example:
        >>> import gptwidgets as gw
        >>> with gw.load() as gpt:                              # doctest: +SKIP
        ...     gpt.record("The cat sat on the mat").weights("L18H6")
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase | None = None,
        *,
        name: str = "",
        why: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        """Takes a loaded transformers model over; `close()` leaves it exactly as it was found.

        Args:
            model: a causal language model.
            tokenizer: its tokenizer; without one only ids can be read.
            name: what to call it.
            why: a sentence about device and dtype.
            notes: further sentences.

        Raises:
            UnsupportedModelError: it has no softmax attention that could be recorded.
        """
        from gptwidgets.kernel.attention import attach

        self.name = name or type(model).__name__
        self.lock = threading.RLock()
        self.reader = Worker(f"{self.name} reader")
        self._model_worker = Worker(f"{self.name} model")
        self._tokenizer = tokenizer
        self._tokenizer_lock = threading.Lock()  # fast tokenizers refuse two borrowers at once
        self._on_close: list[Callable[[], Callable[[], object] | None]] = []
        self._config: PretrainedConfig = model.config.get_text_config()
        self._shape = Shape.of(self._config)
        where = next(model.parameters())
        self._device, self._dtype = where.device, where.dtype
        attachment = attach(model)
        self._held: tuple[PreTrainedModel, Attachment] | None = (model, attachment)
        self._detach = weakref.finalize(self, attachment.detach)  # also where nobody calls close()
        self.why = why
        self.notes = [*notes, *attachment.notes]

    # -- what it is ------------------------------------------------------------------------------

    @property
    def model(self) -> PreTrainedModel:
        """The transformers model itself."""
        return self._open()[0]

    def _open(self) -> tuple[PreTrainedModel, Attachment]:
        held = self._held
        if held is None:
            raise ClosedError(f"{self.name} is closed; load it again with gw.load().")
        return held

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The transformers tokenizer itself."""
        self._open()
        if self._tokenizer is None:
            raise TextError(
                f"{self.name} was given without a tokenizer: pass token ids, or load it with tokenizer=…."
            )
        return self._tokenizer

    @property
    def closed(self) -> bool:
        """True once `close()` was called."""
        return self._held is None

    @property
    def config(self) -> PretrainedConfig:
        """The configuration of the language model (of its text part, where it has several)."""
        return self._config

    @property
    def device(self) -> torch.device:
        """Where token ids go in; with several devices, that of the first weights."""
        return self._device

    @property
    def dtype(self) -> torch.dtype:
        """The arithmetic of the weights."""
        return self._dtype

    @property
    def n_layers(self) -> int:
        """How many layers there are."""
        return self._shape.n_layers

    @property
    def n_heads(self) -> int:
        """How many attention heads a layer has."""
        return self._shape.n_heads

    @property
    def n_kv_heads(self) -> int:
        """How many heads of keys and values a layer has; fewer than `n_heads` where they are shared."""
        return self._shape.n_kv_heads

    @property
    def context_length(self) -> int | None:
        """How many tokens it was trained to read at once; None where its configuration does not say."""
        return self._shape.context

    def __repr__(self) -> str:
        if self._held is None:
            return f"GPT {self.name}: closed"
        shape = f"{self.n_layers} layers × {self.n_heads} heads"
        if self.n_kv_heads != self.n_heads:
            shape += f" ({self.n_kv_heads} KV heads)"
        reads = f", context {self.context_length:,}" if self.context_length else ""
        said = "".join(f"; {note}" for note in self.notes)
        return f"GPT {self.name}: {shape}{reads}, {devices.name_of(self._dtype)} on {self._device}{said}"

    # -- what it does ----------------------------------------------------------------------------

    def encode(self, text: Any, add_special_tokens: bool | None = None) -> list[int]:
        """Text, chat messages or ids as a checked list of token ids.

        Args:
            text: a string; or chat messages, a list of {"role", "content"} dicts, which go through the
                model's chat template; or ids: a list of ints, a 1-D tensor or array.
            add_special_tokens: whether to put the tokenizer's own tokens (such as BOS) around a string;
                None leaves it to the tokenizer. Messages and ids are taken as they are.

        Returns:
            Token ids, at least one.

        Raises:
            TextError: nothing to read, half characters, ids that do not exist, no chat template.
            TypeError: something else altogether.
            ClosedError: after `close()`.
        """
        vocabulary = vocabulary_size(self.model)
        with self._tokenizer_lock:
            return encode(
                text, self._tokenizer, vocabulary, add_special_tokens=add_special_tokens, name=self.name
            )

    def record(
        self,
        text: Any,
        *,
        layers: Sequence[int] | None = None,
        add_special_tokens: bool | None = None,
        progress: Progress | Literal[False] | None = None,
        cancel: CancelToken | None = None,
    ) -> AttentionRecord:
        """Reads a text once, at full speed, and keeps each layer's queries and keys.

        Args:
            text: whatever `encode` takes.
            layers: which layers to keep; all by default.
            add_special_tokens: see `encode`.
            progress: called with each Report; by default a bar that appears after a second; False for none.
            cancel: a token that stops the reading from another thread.

        Returns:
            The record, from which any part of any head can be had exactly.

        Raises:
            TextError: see `encode`; also a text longer than the model's table of positions.
            IndexError: a layer that does not exist.
            OutOfMemory: it did not fit; what was begun has been dropped.
            Cancelled: it was stopped.
            ClosedError: after `close()`.
        """
        stop: Any = cancel
        if stop is not None and not isinstance(stop, CancelToken):
            raise TypeError(f"cancel must be a CancelToken, not {type(stop).__name__}.")
        ids = self.encode(text, add_special_tokens)
        with progress_bar(progress) as show:
            record = self._record(ids, text if isinstance(text, str) else None, layers, show, cancel)
        budget.records.add(record)
        if self.context_length is not None and len(ids) > self.context_length:
            warnings.warn(
                f"{len(ids):,} tokens are more than the {self.context_length:,} that {self.name} was trained "
                "to read; what it does with them says little about how it works.",
                stacklevel=2,
            )
        return record

    def _record(
        self,
        ids: list[int],
        text: str | None = None,
        layers: Sequence[int] | None = None,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> AttentionRecord:
        """One recorded forward pass over checked ids, under the lock; the budget does not know of it."""
        from gptwidgets.kernel import pieces, prefill

        if self._tokenizer is None:
            tokens = pieces.Tokens(ids, [b""] * len(ids), [f"⟨id {i}⟩" for i in ids])
        else:
            tokens = pieces.tokens(self._tokenizer, ids, text=text)
        too_much = (
            f"There is not enough memory to read {len(ids):,} tokens on {self.device}: "
            "take a shorter text, keep fewer layers (layers=[…]), or close other models and records."
        )
        with self.lock, devices.memory_in_words(too_much):
            model, attachment = self._open()  # may have been closed while this waited
            return prefill.record(
                model,
                attachment,
                ids,
                layers=layers,
                tokens=tokens,
                name=self.name,
                progress=progress,
                cancel=cancel,
            )

    def induction_scores(
        self,
        n: int = 64,
        *,
        repeats: int = 4,
        seed: int = 0,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> pd.DataFrame:
        """How much each head is an induction head (Olsson et al. 2022), on random tokens that repeat.

        See `gptwidgets.kernel.induction`. Returns a DataFrame, MultiIndex (layer, head), column "induction".
        """
        from gptwidgets.kernel.induction import induction_scores

        return induction_scores(self, n, repeats=repeats, seed=seed, progress=progress, cancel=cancel)

    # -- giving it back --------------------------------------------------------------------------

    def on_close(self, callback: Callable[[], object]) -> None:
        """Calls `callback()` when this GPT is closed. Bound methods are held weakly."""
        bound = hasattr(callback, "__self__") and not isinstance(callback, type(len))
        self._on_close.append(weakref.WeakMethod(callback) if bound else lambda: callback)  # type: ignore[arg-type]

    def close(self) -> None:
        """Stops what is running, puts the model back as it was found, and gives its memory back.

        Records made from it stay readable. Closing twice does nothing.
        """
        self._model_worker.close()
        self.reader.close()
        with self.lock:  # a recording that another thread makes directly ends first
            held, self._held = self._held, None
            self._detach()
        if held is None:
            return
        self._tokenizer = None
        for reference in self._on_close:
            callback = reference()
            if callback is not None:
                callback()
        self._on_close.clear()
        _forget_in_notebook(held[0])
        del held
        devices.release()

    def __reduce__(self) -> str:
        # copy and pickle; two GPTs over one model would each believe that they alone may put it back
        raise TypeError("A GPT can be neither copied nor pickled: share this one, or load it again.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _forget_in_notebook(model: PreTrainedModel) -> None:
    """Lets go of the model where Python and IPython keep it on the side.

    These are the last error's traceback (`sys.last_exc`) and the cells' outputs (`Out`, `_`, `_12`).
    """
    for name in ("last_exc", "last_value"):
        forget_frames(getattr(sys, name, None))
    parts = {id(part) for part in model.modules()}
    main = sys.modules.get("IPython")
    shell = main.get_ipython() if main is not None else None
    if shell is None:
        return
    outputs = shell.user_ns.get("_oh", {})
    for number in [number for number, value in outputs.items() if id(value) in parts]:
        del outputs[number]
    for name in [name for name in shell.user_ns if name.strip("_").isdigit() or name in {"_", "__", "___"}]:
        if id(shell.user_ns[name]) in parts:
            shell.user_ns[name] = None
    history = shell.displayhook
    for name in ("_", "__", "___"):
        if id(getattr(history, name, None)) in parts:
            setattr(history, name, None)
