"""How a token is chosen from the probabilities: the rules and their numbers, checked before anything runs.

The rules apply in transformers' order: repetition penalty (Keskar et al. 2019, "CTRL"), temperature, top-k
(Fan et al. 2018), top-p (Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration"), min-p
(Nguyen et al. 2024). Knows neither torch nor transformers.
"""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass, fields, replace
from numbers import Integral, Real
from typing import Any

MAX_TEMPERATURE = 100.0
MIN_TEMPERATURE = 1e-6  # but for 0: logits that are divided by less overflow, and then nothing can be chosen
PENALTIES = (1e-3, 1e3)
MAX_SEED = 2**63
MAX_BEAMS = 32


@dataclass(frozen=True, kw_only=True)
class Sampling:
    r"""The settings of a run.

    Attributes:
        temperature: divides the logits; 0 always takes the most probable token (greedy), at most 100. Between
            0 and 1e-6 there is none: the logits would overflow.
        top_k: only the k most probable tokens stay; 0 for all.
        top_p: only the most probable tokens stay that together have this probability, 0 < p <= 1.
        min_p: only tokens stay with at least this share of the best one's probability, 0 <= p <= 1.
        repetition_penalty: what is in the text already has its positive logits divided, its negative ones
            multiplied by this; 1 changes nothing, 0.001 to 1000.
        max_new_tokens: how many tokens at most.
        stop: texts at which to stop; each is kept at the end of what was written.
        seed: where chance begins, 0 <= seed < 2⁶³; None for a fresh one, which the run reports.
        beams: above 1, beam search with so many beams, which is deterministic; at most 32.

    Raises:
        ValueError: a number outside its range, with the range.
        TypeError: something that is no such number or text; an unknown name (`replace` and `from_dict` say
            the nearest one).

    Example:
        >>> Sampling(temperature=0.7, stop="\n").stop
        ('\n',)
        >>> Sampling(top_p=1.5)
        Traceback (most recent call last):
            ...
        ValueError: top_p must be above 0 and at most 1, not 1.5.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    max_new_tokens: int = 100
    stop: tuple[str, ...] = ()
    seed: int | None = None
    beams: int = 1

    def __post_init__(self) -> None:
        """Checks every value and turns numpy's numbers into Python's."""
        checked: dict[str, Any] = {
            "temperature": _real("temperature", self.temperature, 0, MAX_TEMPERATURE),
            "top_k": _whole("top_k", self.top_k, 0),
            "top_p": _real("top_p", self.top_p, 0, 1, open_below=True),
            "min_p": _real("min_p", self.min_p, 0, 1),
            "repetition_penalty": _real("repetition_penalty", self.repetition_penalty, *PENALTIES),
            "max_new_tokens": _whole("max_new_tokens", self.max_new_tokens, 1),
            "stop": _texts(self.stop),
            "seed": None if self.seed is None else _whole("seed", self.seed, 0, MAX_SEED - 1, "below 2⁶³"),
            "beams": _whole("beams", self.beams, 1, MAX_BEAMS),
        }
        if 0 < checked["temperature"] < MIN_TEMPERATURE:
            raise ValueError(
                f"temperature must be 0 (greedy) or at least {MIN_TEMPERATURE:g}, not {self.temperature:g}."
            )
        if checked["beams"] > 1 and checked["temperature"] not in {0.0, 1.0}:
            raise ValueError(
                "Beam search leaves nothing to chance: with beams > 1 leave temperature out (or at 0)."
            )
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def greedy(self) -> bool:
        """Whether always the most probable token is taken."""
        return self.temperature == 0

    def replace(self, **changes: Any) -> Sampling:
        """The same settings but for `changes`.

        Example:
            >>> Sampling(seed=1).replace(seed=2).seed
            2
        """
        _known(changes)
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON can hold them; `from_dict` reads them back."""
        return asdict(self) | {"stop": list(self.stop)}

    @classmethod
    def from_dict(cls, settings: Any) -> Sampling:
        """Settings from a dict such as `to_dict` gives; what is missing is left at its default.

        Example:
            >>> Sampling.from_dict({"temperature": 0}).greedy
            True
        """
        if not isinstance(settings, dict):
            raise TypeError(f"Settings are a dict of names and values, not {type(settings).__name__}.")
        _known(settings)
        return cls(**settings)


def checked_sampling(sampling: Any) -> Sampling:
    """What a public function was given as its settings: a Sampling, a dict of one, or None."""
    if sampling is None:
        return Sampling()
    if isinstance(sampling, Sampling):
        return sampling
    if isinstance(sampling, dict):
        return Sampling.from_dict(sampling)
    raise TypeError(f"sampling is a gw.Sampling(…), not {type(sampling).__name__}.")


def _known(settings: dict[Any, Any]) -> None:
    names = [field.name for field in fields(Sampling)]
    for name in settings:
        if name not in names:
            near = difflib.get_close_matches(str(name), names, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}."
            raise TypeError(f"Sampling has no {name!r}: {hint}")


def _real(name: str, value: Any, low: float, high: float, *, open_below: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or type(value).__name__ == "bool":
        raise TypeError(f"{name} must be a number, not {value!r}.")
    number = float(value)
    inside = (number > low if open_below else number >= low) and number <= high  # nan is not
    if not inside:
        span = f"above {low:g}" if open_below else f"at least {low:g}"
        span += f" and at most {high:g}"
        raise ValueError(f"{name} must be {span}, not {number:g}.")
    return number


def _whole(name: str, value: Any, low: int, high: int | None = None, at_most: str = "") -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, not {value!r}.")
    number = int(value)
    if number < low or (high is not None and number > high):
        span = f"at least {low}" + ("" if high is None else f" and {at_most or f'at most {high}'}")
        raise ValueError(f"{name} must be {span}, not {number}.")
    return number


def _texts(stop: Any) -> tuple[str, ...]:
    given: tuple[Any, ...]
    if isinstance(stop, str):
        given = (stop,)
    elif isinstance(stop, tuple | list):
        given = tuple(stop)
    else:
        raise TypeError(f"stop is a text, or a list of texts, not {stop!r}.")
    for text in given:
        if not isinstance(text, str):
            raise TypeError(f"stop is a text, or a list of texts; one of them is {text!r}.")
        if not text:
            raise ValueError("stop holds an empty text, which would stop every run at once: leave it out.")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("stop holds half a character (a lone surrogate), which no text has.") from None
    return tuple(dict.fromkeys(given))
