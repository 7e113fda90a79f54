"""What is to be reached, and the table of what was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.timing import Sample

Figures = dict[str, Any]  # a name → a Sample, a number, or in words why there is none


@dataclass(frozen=True)
class Row:
    """One comparison. `ours` and `other` are names of figures; a target is a ratio or an absolute limit."""

    what: str
    ours: str
    unit: str  # "s", "ms", "B", "%", "" for a count
    other: str | None = None
    beside: str = ""  # who the other is
    ratio: float | None = None  # ours is to be at most so many times the other's
    limit: float | None = None  # ours is to be at most this
    share: float | None = None  # of a Sample, this percentile and not the median


BARE = "bare tile to painted"
ROWS = [
    Row("recording, T=2048", "forward.2048.ours", "s", "forward.2048.sdpa", "plain SDPA forward", ratio=1.10),
    Row("recording, T=1024", "forward.1024.ours", "s", "forward.1024.sdpa", "plain SDPA forward"),
    Row("recording, T=512", "forward.512.ours", "s", "forward.512.sdpa", "plain SDPA forward"),
    Row("recording, T=1024", "forward.1024.ours", "s", "forward.1024.eager", "output_attentions=True"),
    Row("recording, T=512", "forward.512.ours", "s", "forward.512.eager", "output_attentions=True"),
    Row("kept after it, T=2048: tensors", "memory.2048.ours.tensors", "B", "memory.2048.eager.tensors",
        "output_attentions=True", ratio=0.1),
    Row("kept after it, T=2048: process", "memory.2048.ours.rss", "B", "memory.2048.eager.rss",
        "output_attentions=True", ratio=0.1),
    Row("peak while at it, T=2048: process", "memory.2048.ours.peak", "B", "memory.2048.eager.peak",
        "output_attentions=True"),
    Row("first full picture, T=512: bytes", "first.512.bytes", "B", "bertviz_by_layer.512.bytes",
        "BertViz, its layers added up", ratio=0.001),
    Row("first full picture, T=512: Python, record to first message", "first.512.python", "s", limit=0.5),
    Row("first full picture, T=512: leaving the kernel to screen", "first.512.ours.sent", "ms",
        "first.512.bare.sent", "bare canvas 512×512", ratio=2.0),
    Row("first full picture, T=512: leaving the kernel to screen", "first.512.ours.sent", "ms",
        "first.512.same.sent", "bare canvas of as many bytes"),
    Row("first full picture, T=512: cell to screen, Python included", "first.512.ours.cell", "ms",
        "first.512.bare.cell", "bare canvas 512×512"),
    Row("first full picture, T=128: leaving the kernel to screen", "first.128.ours.sent", "ms",
        "first.128.bare.sent", "bare canvas 512×512"),
    Row("first full picture, T=32: leaving the kernel to screen", "first.32.ours.sent", "ms",
        "first.32.bare.sent", "bare canvas 512×512"),
    Row("new 256×256 tile: moved to painted", "tile.ours", "ms", "tile.bare", BARE, ratio=1.5),
    Row("new 256×256 tile: the kernel's answer", "answer.ours", "ms", "answer.bare", BARE),
    Row("changing head, T=1024", "head.ours", "ms", "head.bare", BARE, ratio=3.0),
    Row("changing head from Python, T=1024: cell to painted", "set.ours", "ms", "set.bare",
        "bare trait of 1024×1024"),
    Row("hover outside a fetched patch", "hover.outside", "ms", "hover.bare", BARE, ratio=1.0),
    Row("hover outside a fetched patch", "hover.outside", "ms", "hover.echo", "bare message there and back"),
    Row("hover inside a fetched patch: requests", "hover.asked", "", limit=0),
    Row("arithmetic of a chosen cell, T=1024: chosen to on the screen", "arithmetic.ours", "ms",
        "arithmetic.bare", BARE),
    Row("arithmetic of a chosen cell, T=1024: beyond the bare tile", "arithmetic.beyond", "ms", limit=30.0),
    Row("arithmetic of a chosen cell, T=8192: beyond the bare tile", "arithmetic.long.beyond", "ms"),
    Row("pan and zoom, T=8192: event to drawn, 95th percentile", "pan.draws", "ms", limit=8.0, share=0.95),
    Row("pan and zoom, T=8192: the same, as the widget says", "pan.own", "ms", share=0.95),
    Row("pan and zoom, T=8192: frame intervals over 25 ms", "pan.slow", "%", "pan.idle_slow", "idle page",
        limit=5.0),
    Row("pan and zoom, T=8192: requests on the way", "pan.asked", ""),
    Row("writing 64 tokens, each with its ten best", "write.1.ours", "s", "write.1.generate",
        "transformers' generate()", ratio=1 / 0.97),
    Row("writing 64 tokens in a worker's thread", "write.1.worker", "s", "write.1.generate",
        "transformers' generate() on the main thread", ratio=1 / 0.97),
    Row("writing 64 tokens by chance, top-p 0.9", "write.top_p.ours", "s", "write.top_p.generate",
        "transformers' generate()", ratio=1 / 0.97),
    Row("writing 8 × 64 tokens by chance", "write.8.ours", "s", "write.8.generate",
        "transformers' generate(), 8 sequences", ratio=1 / 0.95),
    Row("branching at token 500: first new token", "branch.ours", "s", "branch.anew", "from the prompt",
        ratio=0.2),
    Row("scoring 512 tokens", "score.ours", "s", "score.forward", "plain forward pass"),
    Row("a token beside reading the weights once", "token.ours", "ms", "token.weights",
        "the sum of all weights"),
    Row("writing 64 tokens while a heatmap follows, no page", "follow.followed", "s", "follow.alone",
        "nobody follows", ratio=1 / 0.90),
    Row("writing 64 tokens in a playground while a heatmap on the page follows", "follow.page.followed", "s",
        "follow.page.alone", "the same page, not linked", ratio=1 / 0.90),
    Row("attention of a new token: token written to row on the screen", "follow.page.row", "ms", limit=150.0),
    Row("the same, 95th percentile", "follow.page.row", "ms", limit=150.0, share=0.95),
    Row("effects of all heads on a token after 64", "effects.ours", "s", "effects.passes",
        "as many passes for the last token's logits", ratio=0.25),
    Row("effects of all heads on a token after 64", "effects.ours", "s", "effects.calls",
        "as many calls of the model", ratio=0.25),
    Row("effects of all heads on a text of 64 tokens", "effects.text", "s", "effects.calls",
        "as many calls of the model", ratio=0.25),
    Row("playground on the screen: 64 tokens, each with its ten best", "play.ours", "s", "play.generate",
        "transformers' generate(), page open and idle", ratio=1 / 0.90),
    Row("Run clicked to first token on the screen, beyond the prompt's forward pass", "play.first", "ms",
        limit=100.0),
    Row("token from the model to the screen", "play.screen", "ms", limit=80.0),
    Row("messages of the busiest second, quick model, 8 sequences", "play.messages", "", limit=25),
    Row("slider, 150,000 tokens: event to drawn, 95th percentile", "slider.drawn", "ms", limit=8.0,
        share=0.95),
    Row("slider, 150,000 tokens: the same, as the widget says", "slider.own", "ms", share=0.95),
    Row("slider, 150,000 tokens: event to the screen, 95th percentile", "slider.painted", "ms", share=0.95),
    Row("2,000 tokens, at rest: typing to the screen, 95th percentile", "type.rest", "ms", "type.bare.rest",
        "bare field", limit=50.0, share=0.95),
    Row("2,000 tokens, at rest: pointing to the screen, 95th percentile", "point.rest", "ms",
        "point.bare.rest", "bare words", limit=50.0, share=0.95),
    Row("2,000 tokens, writing: typing to the screen, 95th percentile", "type.writing", "ms",
        "type.bare.writing", "bare field", limit=50.0, share=0.95),
    Row("2,000 tokens, writing: pointing to the screen, 95th percentile", "point.writing", "ms",
        "point.bare.writing", "bare words", limit=50.0, share=0.95),
    Row("T=32,768: recording", "long.record", "s"),
    Row("T=32,768: memory at the peak", "long.peak", "B", limit=24e9),
    Row("T=32,768: first picture after the forward pass", "long.first", "s", limit=10.0),
    Row("T=32,768: first tile of a head", "long.tile_new", "s"),
    Row("T=32,768: next tile in the same rows", "long.tile_next", "s"),
    Row("T=32,768: tile of the coarsest level but one", "long.tile_coarse", "s"),
    Row("T=32,768: what one token looks at", "long.line", "s"),
    Row("a cell run again and again: memory over the start", "reruns.held", "B"),
    Row("a cell run again and again: growth a run in the end", "reruns.growth", "B", limit=1e6),
    Row("search, 200,000 listings: all with up to 10,000 matches", "search.all", "ms", limit=50),
    Row("search: one word, 9,000 matches", "search.one word", "ms", limit=50),
    Row("search: a word and two filters", "search.word and filters", "ms", limit=50),
    Row("search: a word, by stars", "search.word, by stars", "ms", limit=50),
    Row("search: a word with a typing mistake", "search.a typing mistake", "ms"),
    Row("search: the first of a process", "search.first", "s"),
]  # fmt: skip

VIEWS = {
    "bertviz_head": "BertViz, one layer's view",
    "bertviz_model": "BertViz, all heads",
    "circuitsvis_heads": "CircuitsVis, heads",
    "circuitsvis_patterns": "CircuitsVis, patterns",
}


def rows() -> Iterator[Row]:
    """All comparisons: those with a target, then each peer's view at each length."""
    yield from ROWS
    figures = {"bytes": "B", "python": "s", "screen": "s"}
    for length in (32, 128, 256, 512):
        for view, peer in VIEWS.items():
            for figure, unit in figures.items():
                what = {"python": "Python", "screen": "on the screen"}.get(figure, figure)
                yield Row(
                    f"T={length}: {what}", f"first.{length}.{figure}", unit, f"{view}.{length}.{figure}", peer
                )


def compare(row: Row, figures: Figures) -> dict[str, Any] | None:
    """One line of the table, or None where nothing of it was measured."""
    ours, other = figures.get(row.ours), figures.get(row.other) if row.other else None
    if ours is None or (row.other is not None and row.limit is None and other is None):
        return None
    mine, theirs = _number(ours, row.share), _number(other, row.share)
    ratio = mine / theirs if mine is not None and theirs else None
    target, met = "", None
    if row.ratio is not None:
        target, met = f"≤ {row.ratio:g} ×", None if ratio is None else ratio <= row.ratio
    elif row.limit is not None:
        target, met = f"≤ {_show(row.limit, row.unit)}", None if mine is None else mine <= row.limit
    return {
        "what": row.what,
        "ours": _show(ours, row.unit, row.share),
        "beside": f"{_show(other, row.unit, row.share)} ({row.beside})" if other is not None else "",
        "ratio": "" if ratio is None else f"{ratio:.4g}",
        "target": target,
        "met": {None: "", True: "yes", False: "NO"}[met],
    }


def markdown(lines: list[dict[str, Any]]) -> str:
    """The table as GitHub and JupyterLab show it."""
    columns = ["what", "ours", "beside", "ratio", "target", "met"]
    table = [columns, ["---"] * len(columns), *([line[column] for column in columns] for line in lines)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in table)


def _number(figure: Any, share: float | None) -> float | None:
    if isinstance(figure, Sample):
        return figure.percentile(share) if share else figure.median
    return figure if isinstance(figure, int | float) else None


def _show(figure: Any, unit: str, share: float | None = None) -> str:
    if isinstance(figure, str):
        return figure
    if isinstance(figure, Sample):
        middle = _show(_number(figure, share), unit)
        if len(figure.values) == 1:
            return middle
        ends = (_show(end, unit).removesuffix(unit).strip() for end in (figure.low, figure.high))
        return f"{middle} ({'–'.join(ends)}, n={len(figure.values)})"
    if unit == "B":
        for size, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
            if abs(figure) >= size:
                return f"{figure / size:.3g} {name}"
    return f"{figure:.3g} {unit}".strip()
