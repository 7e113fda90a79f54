"""A run as a script: with gptwidgets, and with transformers alone. Both write the same text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gptwidgets.kernel.sampling import Sampling

WIDE = 96  # characters of a line of ids


@dataclass(frozen=True)
class Recipe:
    """What has to be known to write a text again.

    Attributes:
        name: what `gw.load` knows the model as.
        folder: where transformers finds it: a folder, or an id of the Hub.
        prompt: a text, chat messages, or ids (for what goes on from a branch).
        rules: the sampling rules, with the seed.
        dtype: of the weights.
        device: where they are.
    """

    name: str
    folder: str
    prompt: str | Sequence[Any]
    rules: Sampling
    dtype: str = "float32"
    device: str = "cpu"


def recipe(gpt: Any, prompt: Any, rules: Sampling) -> Recipe:
    """What has to be known of a GPT and a run to write its text again."""
    folder = str(gpt.model.name_or_path or gpt.name)
    dtype = str(gpt.dtype).removeprefix("torch.")
    return Recipe(_name_of(gpt.name, folder), folder, prompt, rules, dtype, str(gpt.device))


def _name_of(name: str, folder: str) -> str:
    """What `gw.load` takes: the name where it is one that can be looked up, else the folder."""
    from gptwidgets.store import install
    from gptwidgets.store.catalogue import Catalogue

    if name.count("/") == 1:
        return name
    with Catalogue.open() as catalogue:
        known = catalogue.find(name) is not None
    return name if known or install.installed(name) is not None else folder


def with_gptwidgets(recipe: Recipe) -> str:
    """The script with gptwidgets."""
    lines = [
        "import gptwidgets as gw",
        "",
        f"gpt = gw.load({recipe.name!r})",
        *_prompt(recipe.prompt),
        f"sampling = {_sampling(recipe.rules)}",
    ]
    lines.append("print(gpt.generate(prompt, sampling).text)")
    return "\n".join(lines) + "\n"


def with_transformers(recipe: Recipe) -> str:
    """The script with transformers alone."""
    chat = _is_chat(recipe.prompt)
    lines = [
        "import torch",
        "from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig",
        "",
        f"folder = {recipe.folder!r}",
        "tokenizer = AutoTokenizer.from_pretrained(folder)",
        f"model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.{recipe.dtype})",
        f"model = model.to({recipe.device!r}).eval()",
        *_prompt(recipe.prompt),
    ]
    if isinstance(recipe.prompt, str):
        lines.append("ids = tokenizer(prompt).input_ids")
    elif chat:
        lines.append(
            "ids = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=False)"
        )
    else:
        lines.append("ids = prompt")
    lines += [
        "ids = torch.tensor([ids], device=model.device)",
        "settings = GenerationConfig(",
        *(f"    {name}={value!r}," for name, value in _generation(recipe.rules).items()),
        "    eos_token_id=model.generation_config.eos_token_id,",
        "    pad_token_id=tokenizer.pad_token_id,",
        ")",
    ]
    if _samples(recipe.rules):
        lines.append(f"torch.manual_seed({recipe.rules.seed})")
    stop = ", tokenizer=tokenizer" if recipe.rules.stop else ""
    lines += [
        "mask = torch.ones_like(ids)",
        f"written = model.generate(ids, attention_mask=mask, generation_config=settings{stop})",
        "new = written[0, ids.shape[1] :]",
        "print(tokenizer.decode(new, skip_special_tokens=True, clean_up_tokenization_spaces=False))",
    ]
    return "\n".join(lines) + "\n"


def _samples(rules: Sampling) -> bool:
    return rules.beams == 1 and not rules.greedy


def _is_chat(prompt: Any) -> bool:
    return not isinstance(prompt, str) and bool(prompt) and isinstance(prompt[0], dict)


def _prompt(prompt: Any) -> list[str]:
    """The assignment of the prompt, in lines that can be read."""
    if isinstance(prompt, str):
        return [f"prompt = {prompt!r}"]
    if _is_chat(prompt):
        return ["prompt = [", *(f"    {dict(message)!r}," for message in prompt), "]"]
    lines, line = ["prompt = [  # ids: a text would not always be cut into the same tokens"], "   "
    for id_ in prompt:
        if len(line) + len(str(id_)) > WIDE:
            lines.append(line)
            line = "   "
        line += f" {id_},"
    return [*lines, line, "]"]


def _sampling(rules: Sampling) -> str:
    """A Sampling as one writes it: only what is not its default."""
    default = Sampling()
    parts = [
        f"{name}={getattr(rules, name)!r}"
        for name in rules.to_dict()
        if getattr(rules, name) != getattr(default, name) or name == "max_new_tokens"
    ]
    return f"gw.Sampling({', '.join(parts)})"


def _generation(rules: Sampling) -> dict[str, Any]:
    """What transformers calls these settings. All are given: a model may bring others of its own."""
    settings: dict[str, Any] = {"max_new_tokens": rules.max_new_tokens, "do_sample": _samples(rules)}
    if _samples(rules):
        settings |= {"temperature": rules.temperature, "top_k": rules.top_k, "top_p": rules.top_p}
        settings["min_p"] = rules.min_p
    settings["repetition_penalty"] = rules.repetition_penalty
    if rules.beams > 1:
        settings["num_beams"] = rules.beams
    if rules.stop:
        settings["stop_strings"] = list(rules.stop)
    return settings
