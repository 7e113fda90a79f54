"""How much each key adds to what a head writes: the norm of its weighted value after the output projection.

    n_ij = ‖α_ij v_j W_O[h]‖

(Kobayashi et al. 2020, "Attention is Not Only a Weight: Analyzing Transformers with Vector Norms".) A weight
says how much of a value is taken, and not how large that value is: the first token, on which heads rest that
have nothing to do, has large weights and a small value.

W_O is the model's and no part of a record, so the model is asked. Which linear layer is the output projection
is found out and checked: it is the one that is given the heads' outputs just as attention returned them. What
comes after it (a bias, a norm) is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel import holding, tiles
from gptwidgets.kernel.editing import Capture
from gptwidgets.kernel.fallback import attention_modules
from gptwidgets.kernel.prefill import evaluation
from gptwidgets.kernel.projections import LINEAR
from gptwidgets.kernel.source import ROWS, QKSource
from gptwidgets.kernel.stages import StageSource, staged
from gptwidgets.kernel.worker import Report

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.kernel.asking import Asking
    from gptwidgets.kernel.cells import Which
    from gptwidgets.kernel.record import AttentionRecord
    from gptwidgets.kernel.worker import CancelToken, Progress

STAGE = "value-weighted"


class Written(StageSource):
    """‖α_ij v_j W_O[h]‖ of another record's heads.

    Args:
        record: whose weights and values.
        sizes: ‖v_j W_O[h]‖ by layer, [H, T].
        layer: with `head` the choice for which `vmax` holds.
        head: see `layer`.
    """

    def __init__(self, record: AttentionRecord, sizes: dict[int, Tensor], layer: Which, head: Which) -> None:
        self._sizes = sizes
        super().__init__(record, STAGE, layer, head)

    @property
    def nbytes(self) -> int:
        """Bytes of the norms."""
        return sum(one.nbytes for one in self._sizes.values())

    def _norms(self, layer: int, heads: Sequence[int], cols: range) -> Tensor:
        return self._sizes[layer][list(heads), cols.start : cols.stop]


def value_weighted(gpt: Asking, record: AttentionRecord) -> AttentionRecord:
    """A record of what each key adds; see `GPT.value_weighted`."""
    from gptwidgets.kernel.record import AttentionRecord

    found: AttentionRecord | None = record.cache.get("written")
    if found is None:
        numbers = Written(record, _sizes(gpt, record), "max", "max")
        found = AttentionRecord(numbers, record.tokens, name=record.name, notes=record.notes)
        record.cache["written"] = found
    return found


def value_norms(
    gpt: Asking,
    record: AttentionRecord,
    *,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> pd.DataFrame:
    """The same for each head as a whole; see `GPT.value_norms`."""
    import pandas as pd

    numbers = value_weighted(gpt, record).source
    sampled = record.length > tiles.SAMPLE_ABOVE
    every = range(1, record.length)  # the first token can only look at itself
    picked = [row for row in tiles.sample(record.length) if row] if sampled else []
    strips: list[Sequence[int]] = [[row] for row in picked] if sampled else list(tiles.chunks(every, ROWS))
    index = pd.MultiIndex.from_product([record.layers, range(record.n_heads)], names=["layer", "head"])
    sums: list[list[float]] = []
    for layer, head in index:
        if cancel is not None:
            cancel.check()
        if progress is not None and head == 0:
            progress(Report("measuring", record.layers.index(layer), record.n_layers, "layers"))
        both = torch.zeros(2, dtype=torch.float64)  # of all keys, and of the first
        for strip in strips:
            n = numbers.rows(layer, [head], strip)
            first = n.weights[..., 0].sum() if n.cols.start == 0 else torch.zeros(())
            both += torch.stack([n.weights.sum().cpu(), first.cpu()]).double()
        sums.append(both.tolist())
    table = pd.DataFrame(sums, index=index, columns=pd.Index(["norm", "first"]))
    table["first"] = table["first"] / table["norm"]
    count = len(picked) if sampled else len(every)
    table["norm"] = table["norm"] / count if count else float("nan")
    table.attrs.update(sampled=sampled, unit="length in the residual stream, a token")
    return table


def _sizes(gpt: Asking, record: AttentionRecord) -> dict[int, Tensor]:
    """‖v_j W_O[h]‖ by layer, [H, T]."""
    staged(record, STAGE)  # refuses records without values
    source = record.source
    assert isinstance(source, QKSource)  # noqa: S101 - `staged` has looked
    found = output_weights(gpt)
    made: dict[int, Tensor] = {}
    for layer in record.layers:
        v, H = source.qk[layer].v, record.n_heads
        assert v is not None  # noqa: S101 - `staged` has looked
        weight = found.get(layer)
        if weight is None or weight.shape[1] != H * v.shape[-1]:
            raise ValueError(f"This record is of another model than {gpt.name}: record the text with it.")
        parts = weight.detach().to(v.device).unflatten(-1, (H, -1))  # [D, H, dv]
        group = H // v.shape[0]
        made[layer] = torch.stack(
            [(v[h // group].float() @ parts[:, h].float().T).norm(dim=-1) for h in range(H)]
        )
    return made


def output_weights(gpt: Asking) -> dict[int, Tensor]:
    """W_O of each layer, [D, H · dv]: the weights of the layer that the heads' outputs go into.

    Raises:
        UnsupportedModelError: where there is none such.
    """
    given: dict[int, Tensor] = {}
    found: dict[int, Tensor] = {}

    def see(layer: int, out: Tensor) -> None:
        given[layer] = out.flatten(-2)

    def compare(layer: int, part: Any) -> Callable[..., None]:
        def look(_module: nn.Module, args: tuple[Any, ...]) -> None:
            out = given.get(layer)
            if layer not in found and out is not None and args and isinstance(args[0], Tensor):
                x = args[0].view(1, -1, args[0].shape[-1])
                if x.shape == out.shape and torch.equal(x, out):
                    found[layer] = part.weight.T if type(part).__name__ == "Conv1D" else part.weight

        return look

    with gpt.lock:
        model: Any = gpt._open()[0]
        gpt._sites.prepare(gpt)
        words = model.get_input_embeddings().weight
        ids = torch.tensor([[words.shape[0] // n for n in (2, 3, 5)]], device=words.device)
        handles = [
            part.register_forward_pre_hook(compare(layer, part))
            for layer, module in attention_modules(model.base_model)
            for part in module.modules()
            if type(part).__name__ in LINEAR
        ]
        try:
            with torch.no_grad(), evaluation(model), holding.within(Capture(gpt._sites, see)):
                model.base_model(input_ids=ids, use_cache=False)
        finally:
            for handle in handles:
                handle.remove()
    missing = [layer for layer in gpt.attention_layers if layer not in found]
    if missing:
        raise UnsupportedModelError(
            f"Where layer {missing[0]} of {gpt.name} projects its heads' outputs was not found, so what a "
            "value adds after that cannot be said."
        )
    return found
