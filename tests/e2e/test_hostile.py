"""Texts that would like to be more than text, and errors, in real JupyterLab."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

ROOT = Path(__file__).parents[2]
EVIL = "</script><img src=x onerror=window.pwned=1>"
SETUP = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import gptwidgets as gw
from tests.widgets.conftest import causal, tiny

gpt = tiny()
evil = {EVIL!r}
"""


def pwned(page: Page) -> bool:
    """Whether anything of a text was taken for markup: it ran, or it stands in the page as an element."""
    return page.evaluate(
        "() => window.pwned !== undefined || document.querySelector('img[src=\"x\"]') !== null"
    )


@pytest.mark.parametrize(
    "made",
    [
        "gw.AttentionHeatmap(gpt, evil, title=evil)",
        "gw.AttentionHeatmap(causal(length=3), tokens=[evil, '<b>b</b>', '&lt;i&gt;'], title=evil)",
        "gw.AttentionHeatmap(gw.AttentionRecord.from_arrays(causal(length=2), [evil, evil], name=evil))",
    ],
    ids=["text", "tokens", "name"],
)
def test_text_stays_text(page, made):
    heat = page.heatmap(page.run(f"heat = {made}; heat"))
    for place in ("listbox", "grid"):  # hovering names tokens and heads
        heat.get_by_role(place).first.hover()
    page.value("setattr(heat, 'query', 1)")
    page.value("setattr(heat, 'view', [0, 0, 1, 1])")
    heat.locator("[data-painted]").first.hover()
    page.settle()
    assert not pwned(page.page)
    expect(heat).to_contain_text("onerror=window.pwned")


def test_every_sign_is_shown_and_none_turns_the_page_around(page):
    signs = ["\0\x01\x7f", " 👨‍👩‍👧‍👦", " שלום", " \u202eend"]
    made = f"gw.AttentionHeatmap(causal(length=4), tokens={signs!r})"
    heat = page.heatmap(page.run(f"heat = {made}; heat"))
    text = heat.get_by_role("listbox")
    for shown in ("␀␁␡", "👨‍👩‍👧‍👦", "שלום", "end"):
        expect(text).to_contain_text(shown)
    assert "\u202e" not in text.inner_text()


def test_an_error_is_said_where_the_picture_would_be_and_the_next_text_works(page):
    index = page.run("heat = gw.AttentionHeatmap(gpt, 'a\\ud83d'); heat")
    heat = page.heatmap(index, status="error")
    expect(heat).to_contain_text("half a character")
    page.value("setattr(heat, 'text', 'better')")
    heat = page.heatmap(index)
    expect(heat).not_to_contain_text("half a character")


def test_a_model_closed_under_the_widget(page):
    index = page.run("closing = tiny(1); heat = gw.AttentionHeatmap(closing, 'still readable'); heat")
    heat = page.heatmap(index)
    page.value("closing.close()")
    expect(heat).to_have_attribute("data-status", "closed")
    expect(heat).to_contain_text("The model was closed")
    heat.get_by_role("grid").press("ArrowDown")
    assert page.value("heat.weights().shape") == "(14, 14)"
