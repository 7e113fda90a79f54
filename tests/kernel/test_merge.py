from __future__ import annotations

import pytest
import torch

from gptwidgets.kernel.merge import merge
from gptwidgets.kernel.steps import finish

LAYERS, HEADS = [2, 5], [0, 1, 2]
VALUES = torch.randn(6, 3, 4, 5, generator=torch.Generator().manual_seed(0))


def merged(layer, head):
    chosen = LAYERS if isinstance(layer, str) else [layer], HEADS if isinstance(head, str) else [head]
    return merge(layer, head, chosen, lambda n, h: VALUES[n, h].clone(), lambda _: torch.device("cpu"))


def largest(values, dim):
    return values.gather(dim, values.abs().argmax(dim, keepdim=True)).squeeze(dim)


@pytest.mark.parametrize("layer", [2, "mean", "max"])
@pytest.mark.parametrize("head", [1, "mean", "max"])
def test_heads_first_then_layers(layer, head):
    wanted = VALUES[LAYERS]
    for how, dim in ((head, 1), (layer, 0)):
        if how == "mean":
            wanted = wanted.mean(dim, keepdim=True)
        elif how == "max":
            wanted = largest(wanted, dim).unsqueeze(dim)
        else:
            wanted = wanted.narrow(dim, HEADS.index(1) if dim else LAYERS.index(2), 1)
    assert torch.allclose(finish(merged(layer, head)), wanted[0, 0])


@pytest.mark.parametrize(("layer", "head", "steps"), [(5, 0, 0), (5, "max", 3), ("mean", "mean", 6)])
def test_a_step_a_head(layer, head, steps):
    assert len(list(merged(layer, head))) == steps
