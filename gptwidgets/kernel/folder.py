"""From a folder on disk to a GPT: everything that can be refused is refused before the weights are read."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from gptwidgets.errors import DoesNotFitError, GPTWidgetsError, UnsupportedModelError
from gptwidgets.kernel import device as devices
from gptwidgets.kernel import fit
from gptwidgets.kernel.checkpoint import checkpoint_dtype
from gptwidgets.kernel.forgetting import forget_frames
from gptwidgets.kernel.refusals import auto_class, check_config, check_files, read_config
from gptwidgets.kernel.worker import Report

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from transformers import PretrainedConfig, PreTrainedTokenizerBase

    from gptwidgets.kernel.gpt import GPT
    from gptwidgets.kernel.worker import Progress


def load_folder(
    folder: Path,
    *,
    name: str,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    tokenizer: PreTrainedTokenizerBase | None = None,
    notes: Sequence[str] = (),
    progress: Progress = lambda _report: None,
) -> GPT:
    """Loads a folder of config, safetensors and tokenizer onto the best device.

    Args:
        folder: what `save_pretrained` wrote.
        name: what to call the model.
        device: "auto" (CUDA, then MPS, then CPU), or one by name.
        dtype: "auto" (float32 on the CPU up to a billion parameters, else the checkpoint's), or one by name.
        tokenizer: one to use in place of the folder's.
        notes: what to say about the model.
        progress: called with each Report.

    Raises:
        UnknownModelError, UnsafeModelError, UnsupportedModelError, DoesNotFitError, OutOfMemory: each says
            what to do.
    """
    from transformers import AutoTokenizer

    from gptwidgets.kernel.gpt import GPT

    files = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    config, where, what, why = judge(folder, name, files, device=device, dtype=dtype)
    progress(Report("loading", 0, 3, "steps"))
    with in_words(f"the tokenizer of {name}"):
        if tokenizer is None:
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    progress(Report("loading", 1, 3, "steps"))
    sentence = (
        f"Memory ran out while {name} was loaded onto {devices.describe(where)}: "
        'close other models (gpt.close()), or load it in less: dtype="bfloat16".'
    )
    with devices.memory_in_words(sentence):
        with in_words(name), _silent_bars():
            loaded: Any = auto_class(config).from_pretrained(
                folder,
                config=config,
                dtype=what,
                use_safetensors=True,
                trust_remote_code=False,  # None would ask on stdin
                attn_implementation="eager",  # `attach` puts ours in
                local_files_only=True,
                output_loading_info=True,
                device_map={"": where},  # straight there, not by way of the CPU's memory
            )
            model, found = loaded
            del loaded
            _check_complete(found, name)
        progress(Report("loading", 2, 3, "steps"))
        gpt = GPT(model, tokenizer, name=name, why=why, notes=notes)
    progress(Report("loading", 3, 3, "steps"))
    return gpt


def judge(
    folder: Path,
    name: str,
    files: Sequence[str],
    *,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
) -> tuple[PretrainedConfig, torch.device, torch.dtype, str]:
    """Refuses what cannot or should not be loaded, before its weights are read (or even fetched).

    Args:
        folder: with config.json at least.
        name: the model's.
        files: all files that it has, or will have once they are fetched.
        device: where it is wanted.
        dtype: the arithmetic that is wanted.

    Returns:
        Its configuration, its device, its dtype, and a sentence why.
    """
    from transformers import AutoConfig

    facts = read_config(folder)
    check_config(facts, name)
    check_files(files, name)
    with in_words(name):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    return config, *place(config, checkpoint_dtype(folder, facts), device, dtype, name)


def _check_complete(found: dict[str, Any], name: str) -> None:
    """Refuses files without all the weights: transformers would make the missing ones up."""
    missing = sorted(map(str, [*found.get("missing_keys", ()), *found.get("mismatched_keys", ())]))
    if missing:
        raise UnsupportedModelError(
            f"The files of {name} lack {len(missing)} of its weights (such as {missing[0]}), "
            "so they are not this model, or not all of it; download it again."
        )


def place(
    config: PretrainedConfig,
    checkpoint: torch.dtype | None,
    device: str | torch.device,
    dtype: str | torch.dtype,
    name: str,
) -> tuple[torch.device, torch.dtype, str]:
    """The first device that a model fits on, its dtype there, and a sentence why.

    Raises:
        DoesNotFitError: it fits on none.
    """
    parameters = fit.count_parameters(config)
    skipped = ""
    refusal = DoesNotFitError()
    for option in devices.candidates(device):
        chosen, reason = devices.pick_dtype(dtype, option, parameters, checkpoint)
        needed = fit.needs(config, dtype=chosen, parameters=parameters)
        memory = devices.available(option)
        if needed.total <= memory.free:
            best = "as asked for" if device != "auto" else skipped + _BEST[option.type]
            why = f"On {devices.describe(option)} ({best}), in {devices.name_of(chosen)} ({reason})."
            return option, chosen, why
        smaller = fit.needs(config, dtype=torch.bfloat16, parameters=parameters)
        refusal = fit.refusal(name, needed, chosen, memory, smaller)
        skipped += f"{devices.describe(option)} has only {devices.gigabytes(memory.free)} free; "
    raise refusal


_BEST = {
    "cuda": "the fastest device of this kernel",
    "mps": "the fastest device of this kernel",
    "cpu": "this kernel sees no GPU that could be used",
}


class _silent_bars:  # noqa: N801 - reads as a verb where it is used
    """transformers draws a bar of its own for weights that are there in half a second."""

    def __enter__(self) -> None:
        from transformers.utils import logging

        self._shown = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()

    def __exit__(self, *_: object) -> None:
        from transformers.utils import logging

        if self._shown:
            logging.enable_progress_bar()


@contextmanager
def in_words(name: str) -> Generator[None]:
    """Says in one sentence what transformers cannot read; memory errors go on to who can help."""
    try:
        yield
    except GPTWidgetsError:
        raise
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, AttributeError, TypeError) as error:
        if devices.is_out_of_memory(error):
            raise
        forget_frames(error)
        first = str(error).strip().split("\n")[0].rstrip(": ")
        if "ignore_mismatched_sizes" in first:
            first = "its weights have other shapes than its config.json says; download it again."
        raise UnsupportedModelError(
            f"transformers cannot load {name}: {first or type(error).__name__}"
        ) from None
    except Exception as error:
        # safetensors and tokenizers have exceptions of their own for broken files, or none but the base
        if type(error).__module__.split(".")[0] in {
            "safetensors",
            "safetensors_rust",
            "tokenizers",
            "huggingface_hub",  # its checks of config.json
            "builtins",
        }:
            forget_frames(error)
            said = " ".join(str(error).split())
            raise UnsupportedModelError(f"A file of {name} is broken ({said}); download it again.") from None
        raise
