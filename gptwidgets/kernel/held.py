"""A transformers model that is held to be looked into: what it is, and giving it back as it was found."""

from __future__ import annotations

import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from gptwidgets.errors import ClosedError, TextError
from gptwidgets.kernel import device as devices
from gptwidgets.kernel.forgetting import forget_in_notebook
from gptwidgets.kernel.shape import Shape
from gptwidgets.kernel.worker import CancelToken, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import torch
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    from gptwidgets.kernel.attention import Attachment


class Held:
    """A model and its tokenizer from the moment they are taken over until `close()`; see `GPT`."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase | None = None,
        *,
        name: str = "",
        why: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        """Takes a loaded transformers model over.

        Args:
            model: a causal language model, or an encoder.
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
        self._running: set[CancelToken] = set()  # of what runs the model now, in any thread
        self._on_close: list[Callable[[], Callable[[], object] | None]] = []
        self._config: PretrainedConfig = model.config.get_text_config()
        self._shape = Shape.of(self._config)
        where = next(model.parameters())
        self._device, self._dtype = where.device, where.dtype
        attachment = attach(model)
        self._attention_layers = attachment.layers
        self._causal = attachment.causal
        self._held: tuple[PreTrainedModel, Attachment] | None = (model, attachment)
        self._detach = weakref.finalize(self, attachment.detach)  # also where nobody calls close()
        self._detach.atexit = False  # a recording that still runs then would no longer see that it shall stop
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
    def attention_layers(self) -> tuple[int, ...]:
        """The real numbers of the layers that have attention heads; a hybrid model has others, too."""
        return self._attention_layers

    @property
    def causal(self) -> bool:
        """Whether no token looks at a later one, as in every GPT; not in an encoder such as BERT."""
        return self._causal

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
        said = "".join(f"; {note}" for note in (self.why.rstrip("."), *self.notes) if note)
        return f"GPT {self.name}: {shape}{reads}, {devices.name_of(self._dtype)} on {self._device}{said}"

    # -- giving it back --------------------------------------------------------------------------

    def on_close(self, callback: Callable[[], object]) -> None:
        """Calls `callback()` when this GPT is closed. Bound methods are held weakly."""
        bound = hasattr(callback, "__self__") and not isinstance(callback, type(len))
        self._on_close.append(weakref.WeakMethod(callback) if bound else lambda: callback)  # type: ignore[arg-type]

    @contextmanager
    def _stoppable(self, cancel: CancelToken | None) -> Generator[CancelToken]:
        """A flag for a run of the model, the caller's own where there is one, that `close()` sets, too."""
        token = cancel or CancelToken()
        self._running.add(token)
        try:
            yield token
        finally:
            self._running.discard(token)

    def close(self) -> None:
        """Stops what is running, puts the model back as it was found, and gives its memory back.

        Records made from it stay readable. Closing twice does nothing.
        """
        for token in list(self._running):
            token.cancel()
        self._model_worker.close()
        self.reader.close()
        with self.lock:  # what another thread runs directly ends first, at its next layer
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
        forget_in_notebook(held[0])
        del held
        devices.release()

    def __reduce__(self) -> str:
        # copy and pickle; two GPTs over one model would each believe that they alone may put it back
        raise TypeError("A GPT can be neither copied nor pickled: share this one, or load it again.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
