"""What is refused for what its config.json and the names of its files say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gptwidgets.errors import UnknownModelError, UnsafeModelError, UnsupportedModelError
from gptwidgets.kernel.shape import get

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Mixers without attention weights; what mixes both (hybrids) is judged by the recorder, layer by layer.
WITHOUT_ATTENTION = frozenset({"falcon_mamba", "mamba", "mamba2", "rwkv", "xlstm"})
# In transformers' list of causal models, but the half of a pair by nature; and those that read both ways.
PAIRS = frozenset({"bart", "mbart", "pegasus"})
BOTH_WAYS = frozenset({"bert", "electra", "roberta", "xlm-roberta"})
DEPTHS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer")
MOST_LAYERS = 1000
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


def read_config(folder: Path) -> dict[str, Any]:
    """A model folder's config.json.

    Raises:
        UnknownModelError: the folder does not exist or holds no readable config.json.
    """
    if not folder.is_dir():
        raise UnknownModelError(f'There is no folder "{folder}".')
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except FileNotFoundError:
        raise UnknownModelError(
            f'The folder "{folder}" holds no config.json, so it is no transformers model; '
            "give the folder that save_pretrained() wrote, or a .gguf file."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise UnknownModelError(f'The config.json of "{folder}" cannot be read: {error}.') from None
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise UnsupportedModelError(f'The config.json of "{folder}" names no model_type.')
    return config


def check_config(config: dict[str, Any], name: str) -> None:
    """Refuses, from config.json alone, what would run code or has no attention to show.

    Raises:
        UnsafeModelError: it wants code of its own to be run.
        UnsupportedModelError: no language model, no softmax attention, or unknown to transformers.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as KNOWN

    kind = config["model_type"]
    if kind not in KNOWN and not is_encoder(config):
        if config.get("auto_map"):
            raise UnsafeModelError(
                f"{name} wants to run Python code of its own (auto_map in its config.json), which gptwidgets "
                "never does; look for a version of it that transformers knows."
            )
        raise UnsupportedModelError(
            f'{name} is a "{kind}", which this transformers does not know as a causal language model; '
            "choose another model, or update transformers if it is a new one."
        )
    if kind in WITHOUT_ATTENTION:
        raise UnsupportedModelError(
            f'{name} is a "{kind}", which works without softmax attention: '
            "there are no attention weights to show."
        )
    if kind in PAIRS or config.get("is_encoder_decoder"):
        raise UnsupportedModelError(
            f'{name} is a "{kind}", an encoder with a decoder; what can be shown are GPTs (decoders alone) '
            "and encoders like BERT."
        )
    layers = max((n for key in DEPTHS if isinstance(n := config.get(key), int)), default=0)
    if layers > MOST_LAYERS:  # already the empty model, whose parameters are counted, would take minutes
        raise UnsupportedModelError(
            f"The config.json of {name} speaks of {layers:,} layers, which no model has; get it again."
        )


def is_encoder(config: Any) -> bool:
    """Whether it reads both ways and fills gaps, as BERT does, instead of writing on.

    Args:
        config: a configuration, or the dictionary that a config.json holds.
    """
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES as MASKED

    kind, decoder = get(config, "model_type"), get(config, "is_decoder", default=False)
    return kind in MASKED and (kind in BOTH_WAYS or kind not in CAUSAL) and not decoder


def auto_class(config: Any) -> Any:
    """What makes the model of a configuration: with a head that writes, or with one that fills gaps."""
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    return AutoModelForMaskedLM if is_encoder(config) else AutoModelForCausalLM


def check_files(files: Sequence[str], name: str) -> None:
    """Refuses a model whose weights are not in safetensors.

    Args:
        files: names of the files beside config.json.
        name: the model's, for the sentence.

    Raises:
        UnsafeModelError: its weights are pickles.
        UnknownModelError: it has no weights.
    """
    if any(file.startswith("model") and file.endswith(".safetensors") for file in files):
        return
    pickles = [file for file in files if file.endswith(PICKLES) and not file.startswith("training_args")]
    if pickles:
        raise UnsafeModelError(
            f"The weights of {name} are pickles ({pickles[0]}), which can run any code when read, so they "
            "are not read; if you trust them, convert them: "
            "AutoModelForCausalLM.from_pretrained(…).save_pretrained(folder) writes safetensors."
        )
    raise UnknownModelError(f"There are no weights (model.safetensors) in {name}.")
