from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AttentionInterface

from gptwidgets.kernel import tiles
from gptwidgets.kernel.fallback import implementation
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.intervention import NOTHING, Intervention
from gptwidgets.kernel.mask import EVERYTHING, Band, Matrix, Without
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.kernel.steps import finish
from tests.kernel.test_editing import CUT, IDS, plainly
from tests.kernel.test_fallback import make as make_own
from tests.kernel.tiny_models import INTERFACE, make

TEXT = IDS[0].tolist()


@pytest.mark.parametrize("name", INTERFACE)
@pytest.mark.parametrize("chunk", [4096, 6])
def test_recorded_weights_are_those_that_the_model_then_used(name, chunk, monkeypatch):
    monkeypatch.setattr("gptwidgets.kernel.prefill.CHUNK", chunk)
    model = make(name)
    seen = {}

    def keep(module, *args, **options):
        out, seen[module.layer_idx] = plainly(module, *args, **options)
        return out, seen[module.layer_idx]

    with GPT(model, name="tiny") as gpt:
        with monkeypatch.context() as patched, torch.no_grad():
            patched.setitem(AttentionInterface._global_mapping, "plainly", keep)
            with implementation(model, "plainly"):
                model(IDS)
        with gpt.intervene(cut=CUT):
            record = gpt.record(TEXT)
    for layer, w in seen.items():
        for head in range(4):
            np.testing.assert_allclose(record.weights(layer, head), w[0, head].numpy(), atol=2e-4)
    for layer, head, query, key in CUT:
        assert record.weights(layer, head, query, key) == 0
        assert record.absent(layer, range(20), range(20), head=head)[query, key]
        assert not record.absent(layer, range(20), range(20), head=(head + 1) % 4)[query, key]


def test_a_cut_cell_is_no_cell_everywhere_that_a_head_is_shown(tmp_path):
    with GPT(make("llama"), name="tiny") as gpt:
        with gpt.intervene(cut=CUT, heads_off=["L0H0"]):
            first = gpt.record(TEXT)
            assert first.intervention == gpt.intervention
        assert first.notes[-1] == "Recorded with 1 head off (zero): L0H0; 6 edges cut."
        assert gpt.record(TEXT).intervention is NOTHING
        assert not gpt.record(TEXT).notes
    first.save(tmp_path / "cut")
    again = AttentionRecord.load(tmp_path / "cut.safetensors")
    assert again.intervention == first.intervention
    for record in (first, again):
        coded, _ = finish(tiles.tile(record, 1, 2, 0, 0, 0))
        assert coded[9, 4] == 0 < coded[9, 3]
        patch = tiles.patch(record, 1, 2, 0, 0)
        assert np.isnan(patch[9, 4])
        assert patch[9, 3] > 0
        assert np.isnan(tiles.line(record, 1, 2, query=9)[[4, 5]]).all()
        assert np.isnan(tiles.line(record, 1, 2, key=4)[9])
        assert not np.isnan(tiles.line(record, 1, 1, key=4)[9])
        assert record.to_pandas(1, 2).isna().iloc[9, 4]
        assert record.stage(1, 2, stage="masked", rows=9, cols=4) == -np.inf
        told = record.arithmetic("L1H2", query=9, key=4)
        assert told.masked
        assert any(fact.startswith("Cut: ") for fact in told.facts)
        other = record.arithmetic("L1H2", query=9, key=3)
        assert other.weight == pytest.approx(record.weights(1, 2, 9, 3), abs=1e-5)
        assert record.weights(2, 3, 1).sum() == 0  # sees nothing any more
        assert record.scores().drop(columns="same").notna().all(axis=None)


def test_a_rule_without_some_cells_pools_as_its_cells_do():
    cells = torch.tensor([[5, 2], [9, 9], [9, 8], [8, 8], [8, 9], [17, 0], [30, 1]])
    for base in (Band(), Band(4), EVERYTHING):
        rule = Without(base, cells)
        seen = rule.visible(range(20), range(20))
        wanted = (
            torch.ones(20, 20, dtype=torch.bool) if base is EVERYTHING else base.visible(range(20), range(20))
        )
        wanted = wanted.clone()
        wanted[cells[:-1, 0], cells[:-1, 1]] = False
        assert torch.equal(seen, wanted)
        assert torch.equal(rule.visible([5, 9, 9, 17], range(1, 10)), wanted[[5, 9, 9, 17], 1:10])
        assert rule.columns(range(7, 9), 20) == base.columns(range(7, 9), 20)
        for side in (1, 2, 3, 8):
            pooled = rule.pooled(range(1, 20), range(2, 20), side)
            assert torch.equal(pooled, Matrix(wanted).pooled(range(1, 20), range(2, 20), side))


def test_a_model_with_attention_of_its_own_is_recorded_with_heads_off():
    with GPT(make_own("Bloom"), name="tiny") as gpt:
        plain = gpt.record(TEXT)
        with gpt.intervene(heads_off=["L0H1", "L0H2"]):
            off = gpt.record(TEXT)
    assert (off.weights(0, 1) == plain.weights(0, 1)).all()
    assert abs(off.weights(1, 0) - plain.weights(1, 0)).max() > 1e-6
    assert off.intervention == Intervention(frozenset({(0, 1), (0, 2)}))
    assert off.notes[-1] == "Recorded with 2 heads off (zero): L0H1, L0H2."
