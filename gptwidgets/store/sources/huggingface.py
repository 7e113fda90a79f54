"""The Hugging Face Hub as a source: live search, cards, licences; it may be slow, away or out of its mind."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from gptwidgets.errors import GPTWidgetsError, InstallError
from gptwidgets.store.describing import describe_config
from gptwidgets.store.hubwords import reason
from gptwidgets.store.sources.found import Found

_FACTS = ("author", "cardData", "config", "downloads", "gated", "pipeline_tag", "safetensors", "sha", "tags")
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I8": 1, "U8": 1, "F8_E4M3": 1, "F8_E5M2": 1}
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
}
_MOST = 1_000_000  # characters of a card that are taken


class HuggingFace:
    """Text-generation models in safetensors, by huggingface_hub's session: its login, endpoint, offline mode.

    One request is one try: whoever waits for a search would rather hear that the Hub is away.

    Args:
        within: seconds that the Hub has for an answer.

    Example:
        >>> HuggingFace().search("smollm2", limit=1)[0].publisher               # doctest: +SKIP
        'HuggingFaceTB'
    """

    title = "the Hugging Face Hub"

    def __init__(self, within: float = 4.0) -> None:
        self._within = within

    def search(self, words: str, *, limit: int = 50) -> list[Found]:
        """The most fetched models whose name says these words.

        Raises:
            InstallError: it cannot be asked; the sentence says why.
        """
        asked: list[tuple[str, str | int]] = [
            ("search", words.strip()),
            ("filter", "text-generation"),
            ("filter", "safetensors"),
            ("sort", "downloads"),
            ("direction", -1),
            ("limit", limit),
            *(("expand", fact) for fact in _FACTS),
        ]
        try:
            told = self._get("/api/models", asked).json()
            return [_found(model) for model in list(told)[:limit]]
        except GPTWidgetsError:
            raise
        except Exception as error:
            raise self._away(error) from None

    def describe(self, name: str) -> Found | None:
        """A model with its card and configuration; None where the Hub has none of this name.

        Raises:
            InstallError: it cannot be asked; the sentence says why.
        """
        from huggingface_hub import errors as hub

        if name.count("/") != 1 or not all(part.strip(". ") for part in name.split("/")):
            return None
        try:
            told = self._get(f"/api/models/{name}", [("expand", fact) for fact in _FACTS]).json()
            revision = told.get("sha") or "main"
            card, config = "", None
            with suppress(Exception):  # a gated model's files are for those who have accepted its licence
                card = self._get(f"/{name}/resolve/{revision}/README.md", []).text[:_MOST]
            with suppress(Exception):
                config = self._get(f"/{name}/resolve/{revision}/config.json", []).json()
            return _found(told, card=card, config=config if isinstance(config, dict) else None)
        except hub.GatedRepoError as error:
            raise self._away(error) from None
        except hub.RepositoryNotFoundError:
            return None
        except Exception as error:
            raise self._away(error) from None

    def _get(self, path: str, asked: list[tuple[str, Any]]) -> Any:
        from huggingface_hub import constants
        from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

        session: Any = get_session()
        headers = build_hf_headers(library_name="gptwidgets")
        answer = session.get(constants.ENDPOINT + path, params=asked, headers=headers, timeout=self._within)
        hf_raise_for_status(answer)
        return answer

    @staticmethod
    def _away(error: Exception) -> InstallError:
        return InstallError(f"The Hugging Face Hub cannot be searched: {reason(error)}")


def _found(told: Mapping[str, Any], *, card: str = "", config: dict[str, Any] | None = None) -> Found:
    name, facts = told["id"], told.get("cardData")
    facts = facts if isinstance(facts, dict) else {}
    weights = told.get("safetensors")
    counts = weights.get("parameters") if isinstance(weights, dict) else None
    counts = {k: n for k, n in counts.items() if isinstance(n, int)} if isinstance(counts, dict) else {}
    architecture, context = describe_config(config or told.get("config") or {})
    most = max(counts, key=lambda kind: counts[kind], default="")
    licence = facts.get("license_name") or facts.get("license") or _tag(told, "license:")
    spoken = facts.get("language") or ()
    languages: list[Any] = [spoken] if isinstance(spoken, str) else list(spoken)
    revision = told.get("sha")
    downloads = told.get("downloads")
    return Found(
        name=name,
        title=name.split("/")[-1],
        publisher=str(told.get("author") or name.split("/")[0]),
        summary=_summary(card),
        licence=_spdx(str(licence or "")),
        origin="hub",
        architecture=architecture,
        parameters=sum(counts.values()) or None,
        context_length=context,
        weight_bytes=sum(n * _BYTES.get(kind, 4) for kind, n in counts.items()) or None,
        dtype=_DTYPES.get(most, most.lower()) or None,
        source={"kind": "hub", "repository": name, "revision": revision},
        revision=revision if isinstance(revision, str) else "",
        gated=bool(told.get("gated")),
        languages=tuple(language for language in languages if isinstance(language, str)),
        card=_body(card),
        config=config,
        downloads=downloads if isinstance(downloads, int) else None,
    )


def _tag(told: Mapping[str, Any], start: str) -> str:
    tags = told.get("tags")
    found = [tag for tag in tags if str(tag).startswith(start)] if isinstance(tags, list) else []
    return str(found[0]).removeprefix(start) if found else ""


def _spdx(licence: str) -> str:
    """The Hub writes "apache-2.0"; SPDX writes "Apache-2.0"."""
    known = {
        "apache-2.0": "Apache-2.0",
        "mit": "MIT",
        "bsd-3-clause": "BSD-3-Clause",
        "bsd-2-clause": "BSD-2-Clause",
    }
    if licence in known:
        return known[licence]
    return licence.upper() if licence.startswith(("cc-", "cc0", "gpl-", "lgpl-", "agpl-")) else licence


def _body(card: str) -> str:
    """A card without the block of facts at its head."""
    if card.startswith("---"):
        return card.split("\n---", 1)[-1].lstrip("-").lstrip() if "\n---" in card else ""
    return card


def _summary(card: str) -> str:
    """The first line of a card that is a sentence."""
    for line in _body(card).splitlines():
        text = line.strip()
        if len(text) > 30 and text[0].isalnum():
            return text[:200]
    return ""
