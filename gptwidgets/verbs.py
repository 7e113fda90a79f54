"""What needs both the kernel and the store: loading by name, converting, fetching the default model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from gptwidgets.kernel.gpt import GPT
    from gptwidgets.kernel.worker import Progress


def load(
    name_or_path: str | os.PathLike[str] | None = None,
    *,
    model: PreTrainedModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "auto",
    progress: Progress | Literal[False] | None = None,
) -> GPT:
    from gptwidgets.kernel.folder import load_folder
    from gptwidgets.kernel.gpt import GPT
    from gptwidgets.kernel.progress import progress_bar

    if model is not None:
        return GPT(model, tokenizer)
    with progress_bar(progress) as show:
        folder = Path(name_or_path)
        return load_folder(folder, name=folder.name, device=device, dtype=dtype, progress=show)
