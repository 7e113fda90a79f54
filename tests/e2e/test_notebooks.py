"""Each notebook, from top to bottom in the real JupyterLab: its widgets get ready, nothing complains."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.lab import PATIENCE, Lab

SETTLED = '[data-status="ready"], [data-status="empty"]'
NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_widgets_paint(lab: Lab, path):
    page = lab.open(path)
    painted = 0
    for index in page.code_cells():
        page.run_cell(index)
        if page.shows_heatmap(index):
            page.heatmap(index)
            painted += 1
        for playground in page.output(index).locator(".gw-playground").all():
            playground.and_(page.page.locator(SETTLED)).wait_for(timeout=PATIENCE)
            painted += 1
    assert painted, f"{path.name} shows no widget"
    assert page.errors == []
