"""An engine that keeps to the contract and obeys the test: it waits, fails, dies or closes when told to."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from gptwidgets.errors import ClosedError, TextError
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.kernel.step import Alternatives, Step, Token
from gptwidgets.kernel.worker import CancelToken, Worker
from gptwidgets.kernel.writer import Writer

ALL = frozenset({"text", "ids", "logits", "alternatives", "score", "beams", "attention", "chat", "seed", "n"})
END = 0


def reader() -> PreTrainedTokenizerFast:
    """A tokenizer whose 256 tokens are the bytes."""
    from gptwidgets.kernel.spelling import _BYTE_OF

    made = Tokenizer(models.BPE(vocab=dict(_BYTE_OF), merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=made)


class FakeEngine:
    """Reads bytes and writes letters: what comes next depends on all that stands there, and on the seed.

    Attributes:
        gate: released once a step where `gated`; a run waits for it.
        fail_at: the index of the step that raises `error`; None for none.
        script: bytes that are written instead of letters.
    """

    context_length = 1000
    device, dtype = "cpu", "torch.float32"
    notes: list[str] = []  # noqa: RUF012 - never changed

    def __init__(self, can: frozenset[str] = ALL) -> None:
        self.name = "fake"
        self.can = can
        self.closed = False
        self.gated = False
        self.gate = threading.Semaphore(0)
        self.fail_at: int | None = None
        self.error: BaseException = RuntimeError("the engine broke")
        self.script = b""
        self.seen: list[tuple[Any, Sampling, int]] = []
        self.streams: list[FakeStream] = []
        self._tokenizer = reader() if "ids" in can else None
        self._tokenizer_lock = threading.Lock()
        self._model_worker = Worker("fake")
        self._callbacks: list[Any] = []

    def cannot(self, what: str) -> str:
        return "" if what in self.can else f"fake gives no {what}: it is a fake."

    def on_close(self, callback: Any) -> None:
        self._callbacks.append(callback)

    def close(self) -> None:
        self.closed = True
        self.gated = False
        self.gate.release(100)
        self._model_worker.close()
        for callback in self._callbacks:
            callback()

    def encode(self, text: Any, add_special_tokens: bool | None = None) -> list[int]:
        if isinstance(text, list) and text and isinstance(text[0], dict):
            if "chat" not in self.can:
                raise TextError("fake has no chat template.")
            text = "".join(f"<{message['role']}>{message['content']}\n" for message in text) + "<assistant>"
        ids = list(text.encode()) if isinstance(text, str) else list(text)
        if not ids:
            raise TextError("There is nothing to read: write at least one token.")
        if not all(0 <= id_ < 256 for id_ in ids):
            raise TextError("Token id does not exist; fake has ids 0 to 255.")
        return ids

    def stream(
        self,
        prompt: Any,
        sampling: Sampling | None = None,
        *,
        n: int = 1,
        k: int = 10,
        cancel: CancelToken | None = None,
        reuse: bool = True,
    ) -> FakeStream:
        if self.closed:
            raise ClosedError("fake is closed.")
        sampling = sampling or Sampling()
        ids = self.encode(prompt)
        self.seen.append((prompt, sampling, n))
        stream = FakeStream(self, ids, sampling, n, k, cancel)
        self.streams.append(stream)
        return stream

    def next_logits(self, prompt: Any) -> np.ndarray:
        return logits(self.encode(prompt))

    def next_token(self, prompt: Any, k: int = 20) -> pd.DataFrame:
        z = logits(self.encode(prompt))
        best = np.argsort(-z, kind="stable")[:k]
        logprobs = (z - np.log(np.exp(z).sum()))[best]
        ids = best if "ids" in self.can else np.full(k, -1)
        return pd.DataFrame(
            {"token": [chr(i) for i in best], "id": ids, "prob": np.exp(logprobs), "logprob": logprobs}
        )

    def score(self, text: str, *, progress: Any = None, cancel: CancelToken | None = None) -> pd.DataFrame:
        ids = self.encode(text)
        logprob = np.array([np.nan, *(-float(i % 7) for i in ids[1:])])
        frame = pd.DataFrame(
            {
                "token": [chr(i) for i in ids],
                "id": ids,
                "logprob": logprob,
                "rank": np.where(np.isnan(logprob), np.nan, 3),
                "entropy": np.where(np.isnan(logprob), np.nan, 1.5),
            }
        )
        frame.attrs = {
            "log_likelihood_nats": float(np.nansum(logprob)),
            "perplexity_per_token": 2.0,
            "bits_per_byte": 1.0,
            "tokens": len(ids),
            "bytes": len(ids),
        }
        return frame

    def scores(self, text: Any, *, k: int = 0) -> SimpleNamespace:
        """As a GPT scores: each token by the logits before it."""
        ids = self.encode(text)
        before = [logits(ids[:at]) for at in range(1, len(ids))]
        raw = np.array([z - np.log(np.exp(z).sum()) for z in before], np.float32).reshape(-1, 256)
        mine = raw[np.arange(len(raw)), ids[1:]]
        best = np.argsort(-raw, axis=1, kind="stable")[:, :k]
        bests = np.take_along_axis(raw, best, 1)
        return SimpleNamespace(
            ids=np.array(ids, np.int32),
            logprobs=np.append(np.float32(np.nan), mine),
            ranks=np.append(-1, (raw > mine[:, None]).sum(1)).astype(np.int32),
            entropies=np.append(np.nan, np.full(len(raw), 2.5)).astype(np.float32),
            alternatives=np.vstack([np.full((1, k), -1), best]).astype(np.int32),
            alternative_logprobs=np.vstack([np.full((1, k), np.nan), bests]).astype(np.float32),
        )

    def beam_search(self, prompt: Any, sampling: Sampling, *, cancel: CancelToken | None = None) -> Any:
        """The letters "a" and "b" in all combinations; two of them are kept, "a…" is the best."""
        ids = self.encode(prompt)
        self.seen.append((prompt, sampling, 1))
        kept = [([], 0.0)]
        for index in range(sampling.max_new_tokens):
            while self.gated and not self.gate.acquire(timeout=0.005):
                if cancel is not None and cancel.cancelled:
                    break
            if cancel is not None and cancel.cancelled:
                return SimpleNamespace(ids=kept[0][0], score=-1.0, reason="stopped")
            found = [
                (parent, [*text, letter], score - (1.0 if letter == ord("a") else 1.5))
                for parent, (text, score) in enumerate(kept)
                for letter in b"ab"
            ]
            found.sort(key=lambda beam: -beam[2])
            last = index + 1 == sampling.max_new_tokens
            beams = [
                SimpleNamespace(
                    ids=text,
                    id=text[-1],
                    piece=chr(text[-1]),
                    score=score,
                    parent=parent,
                    kept=at < 2 and not last,
                    finished=last,
                )
                for at, (parent, text, score) in enumerate(found)
            ]
            kept = [(text, score) for _, text, score in found[:2]]
            yield SimpleNamespace(index=index, beams=beams)
        del ids
        return SimpleNamespace(ids=kept[0][0], score=-1.0, reason="max_new_tokens")

    def record(self, ids: Any) -> tuple[str, list[int]]:
        return ("record", list(ids))


class FakeStream(Iterator[Step]):
    """What `FakeEngine.stream` gives."""

    def __init__(
        self,
        engine: FakeEngine,
        ids: list[int],
        sampling: Sampling,
        n: int,
        k: int,
        cancel: CancelToken | None,
    ) -> None:
        first = 77 if sampling.seed is None else sampling.seed
        self.engine, self.sampling, self.k, self.cancel = engine, sampling, k, cancel
        self.prompt_ids = ids if "ids" in engine.can else []
        self.seeds = [first + row for row in range(n)]
        self.reasons: list[str | None] = [None] * n
        self.closed = False
        self._rows = [list(ids) for _ in range(n)]
        self._start = len(ids)
        self._writers = [Writer(sampling.stop) for _ in range(n)]
        self._index = 0

    def __next__(self) -> Step:
        if all(self.reasons) or self.closed:
            raise StopIteration
        while self.engine.gated and not self.engine.gate.acquire(timeout=0.005):
            if self.cancel is not None and self.cancel.cancelled:
                break
        if self.cancel is not None and self.cancel.cancelled:
            self.close()
            raise StopIteration
        if self._index == self.engine.fail_at:
            raise self.engine.error
        tokens = tuple(None if self.reasons[row] else self._write(row) for row in range(len(self._rows)))
        self._index += 1
        return Step(self._index - 1, tokens, 5.0)

    def _write(self, row: int) -> Token:
        ids, writer = self._rows[row], self._writers[row]
        z = logits(ids)
        raw = z - np.log(np.exp(z).sum())
        best = np.argsort(-z, kind="stable")
        if self._index < len(self.engine.script):
            id_ = self.engine.script[self._index]
        else:
            id_ = int(best[0 if self.sampling.greedy else zlib.crc32(bytes(ids)) % 5 ^ self.seeds[row] % 5])
        ids.append(id_)
        text = writer.add(bytes([id_]), silent=id_ == END)
        written = len(ids) - self._start
        if id_ == END:
            self.reasons[row] = "end"
        elif writer.stopped:
            self.reasons[row] = "stop"
        elif written >= self.sampling.max_new_tokens:
            self.reasons[row] = "max_new_tokens"
        if self.reasons[row]:
            text += writer.end()
        known = "ids" in self.engine.can
        some = [int(i) for i in best[: self.k]]
        others = Alternatives(
            some if known else [-1] * len(some),
            [chr(i) for i in some],
            raw[some].tolist(),
            [float(raw[i]) if rank < 5 else float("-inf") for rank, i in enumerate(some)],
        )
        rank = int(np.flatnonzero(best == id_)[0])
        return Token(
            id_ if known else -1,
            bytes([id_]),
            chr(id_),
            text,
            float(raw[id_]),
            float(raw[id_]),
            rank,
            2.5,
            others,
        )

    def close(self) -> None:
        self.closed = True
        self.reasons = [reason or "stopped" for reason in self.reasons]


def logits(ids: list[int]) -> np.ndarray:
    """Of the byte that comes next: letters are probable, all else is not. Float32 [256]."""
    z = np.random.default_rng(zlib.crc32(bytes(i % 256 for i in ids))).normal(0, 1, 256).astype(np.float32)
    z[97:123] += 8
    return z
