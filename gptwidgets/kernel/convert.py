"""From a GGUF file to a folder that transformers loads in a second: safetensors, config, tokenizer.

It takes several times the model's memory for half a minute, and the notebook's kernel must neither stall nor
die of it: `gptwidgets.verbs.converting` runs it in a process of its own.
"""

from __future__ import annotations

import functools
import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gptwidgets import errors
from gptwidgets.kernel.worker import Report

if TYPE_CHECKING:
    from collections.abc import Generator

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from gptwidgets.kernel.worker import Progress

# llama.cpp's names of pre-tokenizers that split every digit off, which transformers' conversion leaves out.
_SINGLE_DIGITS = frozenset({"codeshell", "command-r", "exaone", "refact", "smollm", "starcoder"})


def convert(source: Path, folder: Path, progress: Progress = lambda _report: None) -> dict[str, Any]:
    """Converts one GGUF file, dequantised, into a folder that must not hold a model yet.

    Values are exact: float32 up to a billion parameters. Beyond, bfloat16, as the memory would not be there.

    Args:
        source: the .gguf file.
        folder: where to write model.safetensors, config.json, the tokenizer's files.
        progress: called with each Report.

    Returns:
        {"architecture", "parameters", "dtype", "quantisation", "weights": digest of all numbers}.

    Raises:
        UnsupportedModelError: transformers cannot read this file.
        DoesNotFitError: there is not enough memory.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from gptwidgets.kernel import device as devices
    from gptwidgets.kernel import folder as folders
    from gptwidgets.kernel.refusals import check_config

    where = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    progress(Report("reading the GGUF file", 0, None))
    with folders.in_words(source.name), _read_once(source, progress) as reader:
        parameters = int(sum(tensor.n_elements for tensor in reader.tensors))
        quantisation = _quantisation(reader)
        dtype = torch.float32 if parameters <= devices.BILLION else torch.bfloat16
        memory, needed = devices.available(torch.device("cpu")), 2 * parameters * dtype.itemsize
        if needed > memory.free:
            raise errors.DoesNotFitError(
                f"Converting {source.name} needs about {devices.gigabytes(needed)} of memory, and "
                f"{devices.gigabytes(memory.free)} is {memory.where}: "
                "close other notebooks, or take a smaller model."
            )
        config = AutoConfig.from_pretrained(**where, trust_remote_code=False)
        check_config(config.to_dict(), source.name)
        tokenizer = AutoTokenizer.from_pretrained(**where, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            **where, dtype=dtype, trust_remote_code=False, attn_implementation="eager", **_dequantised()
        )
        progress(Report("writing safetensors", 0, None))
        _as_plain(model)
        _as_it_was(tokenizer, reader, model)
        digest = weights_digest(model)
        model.save_pretrained(folder, max_shard_size="100GB")
        tokenizer.save_pretrained(folder)
    return {
        "architecture": str(model.config.model_type),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "dtype": devices.name_of(dtype),
        "quantisation": quantisation,
        "weights": digest,
    }


def weights_digest(model: PreTrainedModel) -> str:
    """SHA-256 over all parameters: name, dtype, shape and little-endian bytes, in order of names."""
    import torch

    total = hashlib.sha256()
    for name, tensor in sorted(model.named_parameters()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.detach().contiguous().view(torch.uint8).numpy().data)
    return total.hexdigest()


def _quantisation(reader: Any) -> str:
    """The storage type of most numbers of a GGUF file: "Q4_1"."""
    counts: dict[str, int] = {}
    for tensor in reader.tensors:
        counts[tensor.tensor_type.name] = counts.get(tensor.tensor_type.name, 0) + int(tensor.n_elements)
    return max(counts, key=lambda kind: counts[kind])


def _dequantised() -> dict[str, Any]:
    """Asks for plain weights where this transformers could keep them packed."""
    import transformers

    known = getattr(transformers, "GgufConfig", None)
    return {} if known is None else {"quantization_config": known(dequantize=True)}


@contextmanager
def _read_once(source: Path, progress: Progress) -> Generator[Any]:
    """The file's reader, which transformers gets, too, each time it asks for one, and a count of tensors.

    On its own it would parse the whole file anew for config, tokenizer and weights: 2.5 s a time.
    """
    import gguf

    reader, dequantize, done = gguf.GGUFReader, gguf.dequantize, 0
    once = functools.lru_cache(reader)

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal done
        done += 1
        progress(Report("converting", done, len(once(str(source)).tensors), "tensors"))
        return dequantize(*args, **kwargs)

    gguf.GGUFReader, gguf.dequantize = once, counted
    try:
        yield once(str(source))
    finally:
        gguf.GGUFReader, gguf.dequantize = reader, dequantize


def _as_plain(model: PreTrainedModel) -> None:
    """Removes the mark "quantised" from a model that no longer is: transformers would refuse to save it."""
    plain: Any = model
    plain.hf_quantizer = None
    plain.is_quantized = False
    if hasattr(plain.config, "quantization_config"):
        del plain.config.quantization_config


def _as_it_was(tokenizer: PreTrainedTokenizerBase, reader: Any, model: PreTrainedModel) -> None:
    """Puts right what the conversion of the tokenizer leaves out."""
    from tokenizers import pre_tokenizers

    field = reader.get_field("tokenizer.ggml.pre")
    core: Any = getattr(tokenizer, "backend_tokenizer", None)
    if core is not None and field is not None and field.contents() in _SINGLE_DIGITS:
        digits = pre_tokenizers.Digits(individual_digits=True)
        core.pre_tokenizer = pre_tokenizers.Sequence([digits, core.pre_tokenizer])
    length = getattr(model.config, "max_position_embeddings", None)
    if isinstance(length, int):
        tokenizer.model_max_length = length
    for leftover in ("is_local", "local_files_only"):
        tokenizer.init_kwargs.pop(leftover, None)
