"""What a person sets in a playground, in the browser or in Python, each value checked in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets as t

from gptwidgets.kernel.sampling import Sampling, checked_sampling
from gptwidgets.widgets.base import BaseWidget, told
from gptwidgets.widgets.looks import sendable
from gptwidgets.widgets.values import whole

SEQUENCES = 8  # side by side, at most
ALTERNATIVES = 100  # of each token, at most
LOOKS = ("color", "markdown", "height", "presentation", "title")
RULES = tuple(Sampling().to_dict())  # the names of Sampling's parts, which are traits here


def as_told(value: Any) -> Any:
    """Texts within a value as the wire can carry them."""
    if isinstance(value, str):
        return sendable(value, None)
    if isinstance(value, list | tuple):
        return [as_told(part) for part in value]
    return {as_told(k): as_told(v) for k, v in value.items()} if isinstance(value, dict) else value


def _told(value: Any, _widget: object) -> Any:
    return as_told(value)


class Rule(t.TraitType[Any, Any]):
    """One of Sampling's parts, with Sampling's own check."""

    def __init__(self, name: str, help_: str) -> None:
        super().__init__(Sampling().to_dict()[name], help=help_)
        self._rule = name
        self.tag(sync=True)

    def validate(self, _obj: Any, value: Any) -> Any:
        """Checks the value as `gw.Sampling` does."""
        return Sampling(**{self._rule: value}).to_dict()[self._rule]


class Messages(t.TraitType[Any, Any]):
    """Chat messages: a list of {"role", "content"}, both text."""

    default_value = ()

    def validate(self, _obj: Any, value: Any) -> list[dict[str, str]]:
        """Checks each message."""
        messages = list(value) if isinstance(value, list | tuple) else [value]
        for message in messages:
            parts = dict(message) if isinstance(message, Mapping) else {}
            if parts.keys() != {"role", "content"} or not all(
                isinstance(part, str) for part in parts.values()
            ):
                raise TypeError(f'A chat message is {{"role": …, "content": …}}, both text, not {message!r}.')
        return [dict(message) for message in messages]


class Other(t.TraitType[Any, Any]):
    """A second set of sampling rules: what differs from the first; {} for none."""

    default_value: Any = {}  # noqa: RUF012 - traitlets' own way; never changed in place

    def validate(self, _obj: Any, value: Any) -> dict[str, Any]:
        """Checks the rules as `gw.Sampling` does."""
        changes = dict(value) if isinstance(value, Mapping) else value
        settings = Sampling.from_dict(changes).to_dict()
        if {"beams", "max_new_tokens"} & changes.keys():
            raise ValueError(
                "The second settings differ in how tokens are chosen; beams and length are shared."
            )
        return {name: settings[name] for name in changes}


class Number(t.TraitType[Any, Any]):
    """A whole number within a range."""

    def __init__(self, default: int, low: int, high: int, help_: str) -> None:
        super().__init__(default, help=help_)
        self._low, self._high = low, high
        self.tag(sync=True)

    def validate(self, _obj: Any, value: Any) -> int:
        """Checks the range."""
        number = whole(value, str(self.name))
        if not self._low <= number <= self._high:
            raise ValueError(f"{self.name} must be {self._low} to {self._high}, not {number}.")
        return number


class Settings(BaseWidget):
    """The traits that the browser and Python both write."""

    prompt = t.Unicode("", help="The text to go on from.").tag(sync=True, to_json=_told)
    messages = Messages(help='The chat to go on from: [{"role": "user", "content": "…"}].').tag(
        sync=True, to_json=_told
    )
    chat = t.Bool(
        False, help="Whether to go on from `messages`, by the chat template, not from `prompt`."
    ).tag(sync=True)

    temperature = Rule("temperature", "Divides the logits; 0 always takes the most probable token.")
    top_k = Rule("top_k", "Only the k most probable tokens stay; 0 for all.")
    top_p = Rule("top_p", "Only the most probable tokens stay that together have this probability.")
    min_p = Rule("min_p", "Only tokens stay with this share of the best one's probability.")
    repetition_penalty = Rule(
        "repetition_penalty", "Makes tokens that are in the text less probable; 1: not."
    )
    max_new_tokens = Rule("max_new_tokens", "How many tokens a run writes at most.")
    stop_at = Rule("stop", "Texts at which a run stops.")
    seed = Rule("seed", "Where chance begins; None for a fresh one each time, which the run reports.")
    beams = Rule("beams", "Above 1, beam search with so many beams.")
    n = Number(1, 1, SEQUENCES, "How many sequences are written side by side.")
    alternatives = Number(10, 1, ALTERNATIVES, "How many of the most probable tokens are kept of each place.")
    other = Other(help="A second set of rules, side by side with the first: what differs; {} for none.").tag(
        sync=True, to_json=_told
    )

    color = t.Enum(
        ["probability", "rank", "entropy", "surprise", "attention", "difference", "none"],
        "probability",
        help="What the colours say.",
    ).tag(sync=True)
    markdown = t.Bool(False, help="Show the text as Markdown, where that is safe.").tag(sync=True)
    height = Number(480, 200, 4000, "Height in pixels.")
    presentation = t.Bool(False, help="Large type, for the last row of a class.").tag(sync=True)
    title = t.Unicode("", help="A heading; empty for none.").tag(sync=True, to_json=_told)

    info = told(
        t.Dict(help="What the model is and can: name, context_length, vocabulary, chat, can, cannot.")
    )
    notes = told(t.List(help="Sentences to know about the model."))
    status = told(
        t.Enum(
            ["loading", "empty", "ready", "running", "error", "closed"], "empty", help="What is going on now."
        )
    )
    error = told(t.Dict(help="type, message and action of what went wrong last; {} when nothing did."))

    @property
    def sampling(self) -> Sampling:
        """The sampling rules as one `gw.Sampling`; can be set as one, too."""
        rules = {name: getattr(self, _trait(name)) for name in RULES}
        if rules["beams"] > 1:  # beams leave nothing to chance
            rules["temperature"] = 1.0
        return Sampling(**rules)

    @sampling.setter
    def sampling(self, sampling: Sampling | Mapping[str, Any]) -> None:
        given = dict(sampling) if isinstance(sampling, Mapping) else sampling
        rules = checked_sampling(given).to_dict()
        with self.hold_sync(), self.hold_trait_notifications():
            for name, value in rules.items():
                setattr(self, _trait(name), value)

    @property
    def source(self) -> str | list[dict[str, str]]:
        """What a run goes on from: the prompt, or the messages."""
        return [dict(message) for message in self.messages] if self.chat else self.prompt


def _trait(rule: str) -> str:
    return "stop_at" if rule == "stop" else rule
