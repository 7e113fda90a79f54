"""An attention record as one file: safetensors, which is read without running anything.

The tensors are what the record's source keeps (queries, keys and values, or arrays); the rest is one JSON
text in the file's metadata, under the key ``gptwidgets``.
"""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gptwidgets.errors import GPTWidgetsError
from gptwidgets.kernel.intervention import Intervention
from gptwidgets.kernel.pieces import Tokens

if TYPE_CHECKING:
    from gptwidgets.kernel.record import AttentionRecord

KEY = "gptwidgets"
FORMAT = 2  # raised when an older reader could not read a newer file; 2: with values and interventions


class FileError(GPTWidgetsError, ValueError):
    """The file is not a saved attention record, or not a whole one."""


def save(record: AttentionRecord, path: str | Path) -> Path:
    """Write a record to one safetensors file.

    The file appears whole or not at all: it is written beside its place and then renamed.

    Args:
        record: the recording.
        path: where to; ``.safetensors`` is added where there is no ending. An existing file is replaced.

    Returns:
        The path written to.

    Raises:
        ClosedError: if the record was closed.
        FileError: if its source is neither queries and keys nor arrays.
        OSError: if the folder does not exist, is full or cannot be written.

    Example:
        >>> save(record, "animal.safetensors")  # doctest: +SKIP
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    from gptwidgets.kernel.arrays import ArraySource
    from gptwidgets.kernel.source import QKSource

    path = Path(path).expanduser()
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file in it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.parent}; make it first.")
    if not path.suffix:
        path = path.with_suffix(".safetensors")
    if not isinstance(record.source, QKSource | ArraySource):
        raise FileError("This record cannot be saved: its weights come from a source of another kind.")
    tensors, source = record.source.state()
    meta = {
        "format": FORMAT,
        "source": source,
        "name": record.name,
        "notes": list(record.notes),
        "intervention": record.intervention.to_state(),
        "tokens": _columns(record.tokens),
    }
    tensors = {name: _own(tensor) for name, tensor in tensors.items()}
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        save_file(tensors, part, metadata={KEY: json.dumps(meta)})
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except SafetensorError as error:
        part.unlink(missing_ok=True)
        raise OSError(f"{path} could not be written: {error}.") from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return path


def load(path: str | Path) -> AttentionRecord:
    """Read a record that `save` wrote, on the CPU.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: if there is no such file.
        FileError: if it is something else than a saved record, or cut off, or of a later version.

    Example:
        >>> record = load("animal.safetensors")  # doctest: +SKIP
    """
    from safetensors import SafetensorError, safe_open

    from gptwidgets.kernel.arrays import ArraySource
    from gptwidgets.kernel.record import AttentionRecord
    from gptwidgets.kernel.source import QKSource

    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            meta: dict[str, Any] = _meta(path, file.metadata())
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 — not a dict
    except (SafetensorError, OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path.name} is not a whole safetensors file; save the record again.") from error
    try:
        sources = {"qk": QKSource, "arrays": ArraySource}
        source = sources[meta["source"]["kind"]].from_state(tensors, meta["source"])
        return AttentionRecord(
            source,
            _tokens(meta["tokens"]),
            name=meta["name"],
            notes=meta["notes"],
            intervention=Intervention.from_state(meta.get("intervention", {})),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise FileError(f"{path.name} is a damaged attention record; save it again.") from error


def _meta(path: Path, metadata: dict[str, str] | None) -> dict[str, Any]:
    try:
        meta: Any = json.loads((metadata or {})[KEY])
        number = int(meta["format"])
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(
            f"{path.name} is a safetensors file, but not an attention record; AttentionRecord.load reads "
            "what record.save wrote (a model is loaded with gw.load)."
        ) from error
    if number > FORMAT:
        raise FileError(f"{path.name} was written by a newer gptwidgets: pip install --upgrade gptwidgets.")
    return meta


def _columns(tokens: Tokens) -> dict[str, Any]:
    """The columns of the tokens as JSON; bytes as Latin-1, which has a character for each."""
    return {
        "ids": list(tokens.ids),
        "bytes": [part.decode("latin-1") for part in tokens.parts],
        "pieces": list(tokens.pieces),
        "spans": None if tokens.spans is None else list(tokens.spans),
        "special": list(tokens.special),
        "text": tokens.text,
    }


def _tokens(columns: dict[str, Any]) -> Tokens:
    spans = columns["spans"]
    if spans is not None:
        spans = [None if span is None else (span[0], span[1]) for span in spans]
    return Tokens(
        columns["ids"],
        [part.encode("latin-1") for part in columns["bytes"]],
        columns["pieces"],
        spans=spans,
        special=columns["special"],
        text=columns["text"],
    )


def _own(tensor: Any) -> Any:
    """A tensor that shares its storage with no other, as safetensors asks."""
    tensor = tensor.detach().cpu().contiguous()
    whole = tensor.untyped_storage().nbytes() == tensor.nbytes
    return tensor if whole else tensor.clone()
