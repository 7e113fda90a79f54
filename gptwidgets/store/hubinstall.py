"""Installing a model of the Hugging Face Hub: planned, accepted, judged, fetched in a child, sealed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gptwidgets.errors import InstallError
from gptwidgets.store import licences
from gptwidgets.store.children import run_child
from gptwidgets.store.folders import Watch, manifest, seal
from gptwidgets.store.hubwords import page
from gptwidgets.store.staging import need_room

# (GGUF file, folder to write) -> facts about the result
Convert = Callable[[Path, Path], dict[str, Any]]
# (folder with config and tokenizer, names of all files) -> refuses what should not be fetched
Judge = Callable[[Path, Sequence[str]], object]

MODULE = "gptwidgets.store.fetching"
# Hugging Face's own protocol for large files keeps nothing of one that was cut off; HTTP goes on from there.
ENVIRONMENT = {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


def from_hub(
    name: str,
    source: dict[str, Any],
    stage: Path,
    *,
    licence: str,
    accept_licence: bool,
    revision: str | None,
    beside: Path | None,
    convert: Convert,
    judge: Judge | None,
    watch: Watch,
) -> None:
    """Builds `stage/"model"`, sealed.

    Args:
        name: the model's.
        source: {"kind": "hub", "repository", …} and where it matters "gguf", the file that is meant.
        stage: of `staging.staged`, kept.
        licence: as it is listed; that of the model's card where this is "".
        accept_licence: the user has accepted it.
        revision: a commit, tag or branch; None for the newest. Its commit is pinned in the manifest.
        beside: a folder whose files may be the right ones already.
        convert: turns a GGUF file into a model folder.
        judge: may raise before the weights are fetched.
        watch: told about progress, and asked whether to stop.

    Raises:
        GPTWidgetsError: what was refused, or went wrong, and what to do.
    """
    repository = source["repository"]

    def child(step: str, **more: Any) -> dict[str, Any]:
        return run_child(
            MODULE,
            {
                "step": step,
                "name": name,
                "repository": repository,
                "revision": revision,
                "stage": str(stage),
                "beside": None if beside is None else str(beside),
                **more,
            },
            watch,
            what=f"the fetching of {name}",
            killed="from outside or for want of memory; what was fetched is kept, so try again",
            environment=ENVIRONMENT,
        )

    plan = child("plan", gguf=source.get("gguf"))
    licence = licence or plan["licence"]
    if licences.wants_acceptance(licence, gated=plan["gated"]) and not accept_licence:
        raise InstallError(licences.refusal(name, licence, page(repository)))
    if judge is not None and plan["kind"] == "safetensors":
        judge(stage / "model", plan["files"])
    facts: dict[str, Any] = {
        "name": name,
        "licence": licence,
        "accepted": accept_licence,
        "notes": [],
        "source": {"kind": "hub", "repository": repository, "revision": plan["revision"]},
    }
    child("fetch", plan=plan, facts=facts)
    if plan["kind"] == "gguf":
        gguf = plan["weights"][0]
        facts["source"]["gguf"], facts["source"]["sha256"] = gguf["name"], gguf["sha256"]
        _convert(stage, stage / "gguf" / gguf["name"], convert, facts, watch)


def _convert(stage: Path, gguf: Path, convert: Convert, facts: dict[str, Any], watch: Watch) -> None:
    """Turns the GGUF file into the model, which its card and licence go with."""
    need_room(stage, 8 * gguf.stat().st_size)  # four bits a number become thirty-two
    made = stage / "converted"
    shutil.rmtree(made, ignore_errors=True)  # of a try that was killed
    found = convert(gguf, made)
    for paper in (stage / "model").iterdir():
        if paper.is_file() and not (made / paper.name).exists():
            shutil.copyfile(paper, made / paper.name)
    kind = found.get("quantisation")
    if kind not in {"F32", "F16", "BF16"}:
        facts = {**facts, "notes": [f"dequantised from {kind}; differs from the original weights"]}
    seal(made, {**found, **facts}, watch)
    shutil.rmtree(stage / "model")
    made.rename(stage / "model")


def revision_of(folder: Path) -> str | None:
    """The commit that an installed model of the Hub was pinned to."""
    source: Any = (manifest(folder) or {}).get("source")
    return source.get("revision") if isinstance(source, dict) else None
