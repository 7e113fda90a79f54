"""The playground as a person uses it, in real JupyterLab: by mouse, by keyboard, and from Python."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.lab import PATIENCE, Lab, NotebookPage
from tests.e2e.playing import LISTEN, SETUP, SWEEP, becomes, button, rows, show, written
from tests.e2e.test_heatmap import until


@pytest.fixture(autouse=True)
def no_errors(page: NotebookPage):
    page.errors.clear()
    yield
    assert page.errors == []


@pytest.fixture(scope="module")
def default(page: NotebookPage) -> NotebookPage:
    """The page with the default model as `smol`."""
    page.run("smol = gw.load(progress=False)")
    return page


# The default model


def test_a_run_writes_hovering_tells_and_an_alternative_is_another_story(default):
    page = default
    play = show(
        page, "play = gw.Playground(smol, 'The capital of France is', temperature=0, max_new_tokens=12)"
    )
    button(play, "Run").click()
    expect(play).to_have_attribute("data-status", "running")
    becomes(play, "ready")
    expect(written(play)).to_contain_text("Paris")
    text = page.value("play.text")
    assert written(play).inner_text().strip() in eval(text)
    first = page.value("play.leaf")

    at = int(page.value("play.nodes[play.leaf].at"))
    written(play).locator(f'[data-at="{at}"]').hover()
    expect(play.locator(".gw-side h3")).to_contain_text(f"Position {at}")
    expect(rows(play).first).to_contain_text("Paris")
    told = page.value("[round(float(p), 2) for p in play.tokens['prob'][:1]]")
    assert float(rows(play).first.locator(".gw-raw").inner_text()) == pytest.approx(eval(told)[0], abs=0.006)
    expect(rows(play)).to_have_count(9)
    expect(rows(play).nth(1).locator(".gw-ruled")).to_have_text("cut")  # greedy: only the best one stays

    written(play).locator(f'[data-at="{at}"]').click()
    other = rows(play).nth(2)
    piece = other.locator(".gw-piece").inner_text()
    other.click()
    until(page, f"play.leaf != {first} and play.status", "ready")
    expect(written(play).locator(f'[data-at="{at}"]')).to_have_text(piece.strip("␣· "))
    tree = play.get_by_role("tree")
    expect(tree.get_by_role("treeitem")).to_have_count(3)
    assert page.value(f"play.path_text({first})") == repr("The capital of France is" + eval(text))

    tree.get_by_role("treeitem").nth(1).click()
    expect(written(play)).to_contain_text("Paris")
    until(page, "play.leaf", eval(first))


def test_sliders_move_the_bars_and_ask_nobody(default):
    page = default
    play = show(page, "play = gw.Playground(smol, 'Once upon a')", status="empty")
    expect(rows(play).first).to_contain_text("time", timeout=PATIENCE)
    page.settle()
    page.page.evaluate(LISTEN)
    for name in ("Top-k", "Top-p", "Min-p", "Temperature"):
        said = play.get_by_label(name, exact=True).evaluate(SWEEP)
        assert len(set(said)) > (1 if name == "Temperature" else 4), name  # min-p 1 leaves one token
    until(page, "(play.temperature, play.top_k, play.top_p, play.min_p)", (2.0, 0, 1.0, 1.0))
    asked = page.page.evaluate("() => window.asked")
    # What was cut first stands under what stays, and its pieces came with the distribution.
    assert set(asked) <= {"temperature", "top_k", "top_p", "min_p"}
    expect(play).to_contain_text("Σ 1 of 49,152 tokens stay")


def test_sliders_move_what_could_stand_in_the_place_of_a_kept_token(default):
    page = default
    made = "play = gw.Playground(smol, 'Once upon a', temperature=0, max_new_tokens=4); play.run().wait()"
    play = show(page, made, status="ready")
    expect(play.locator(".gw-side h3")).to_have_text("Next token", timeout=PATIENCE)
    written(play).locator("[data-at]").nth(1).click()
    expect(play).to_contain_text("Σ 1 of 49,152 tokens stay", timeout=PATIENCE)
    shown = rows(play).locator(".gw-piece").all_inner_texts()
    page.page.evaluate(LISTEN)
    said = play.get_by_label("Temperature", exact=True).evaluate(SWEEP)
    assert len(set(said)) > 4
    assert "next" not in page.page.evaluate("() => window.asked")
    assert rows(play).locator(".gw-piece").all_inner_texts()[0] == shown[0]
    play.get_by_role("button", name="Let go of this token").click()
    expect(play.locator(".gw-side h3")).to_have_text("Next token", timeout=PATIENCE)


# A tiny model


def test_a_prompt_that_is_edited_is_a_new_root(page):
    play = show(page, "play = gw.Playground(gpt, 'ab', temperature=0, max_new_tokens=5)")
    play.get_by_role("textbox", name="Prompt").fill("abc")
    play.get_by_role("textbox", name="Prompt").press("Control+Enter")
    becomes(play, "ready")
    assert page.value("(play.prompt, play.path_text()[:3])") == "('abc', 'abc')"
    play.get_by_role("textbox", name="Prompt").fill("xyz")
    button(play, "Run").click()
    until(page, "[node.source for node in play.nodes if node.kind == 'prompt']", ["abc", "xyz"])
    becomes(play, "ready")
    expect(play.get_by_role("treeitem")).to_have_count(4)
    button(play, "Undo").click()
    expect(play.get_by_role("treeitem")).to_have_count(3)
    button(play, "Clear").click()
    expect(play.get_by_role("treeitem")).to_have_count(0)
    button(play, "Undo").click()
    expect(play.get_by_role("treeitem")).to_have_count(3)


def test_what_python_sets_shows_at_once(page):
    play = show(page, "play = gw.Playground(gpt, 'ab', max_new_tokens=5)")
    page.run("play.prompt, play.temperature, play.top_k, play.title = 'from Python', 0.25, 7, 'Mine'")
    expect(play.get_by_role("textbox", name="Prompt")).to_have_value("from Python")
    expect(play.get_by_label("Temperature, exactly")).to_have_value("0.25")
    expect(play.get_by_label("Top-k, exactly")).to_have_value("7")
    expect(play.get_by_role("heading", name="Mine")).to_be_visible()
    page.run("run = play.run(n=2)")
    becomes(play, "ready")
    expect(play.get_by_role("listbox")).to_have_count(2)
    page.run("play.token = play.nodes.length(play.nodes[play.leaf]) - 1")
    expect(play.locator(".gw-kept")).to_have_count(1)


def test_colours_are_off_by_one_choice(page):
    made = "play = gw.Playground(obeying(gated=False), 'ab', max_new_tokens=30); play.run().wait()"
    play = show(page, made, status="ready")
    coloured = "nodes => nodes.filter(node => node.style.backgroundColor !== '').length"
    tokens = written(play).locator("[data-at]")
    expect(tokens).to_have_count(30)
    assert tokens.evaluate_all(coloured) > 5
    play.get_by_label("Colours").select_option("none")
    until(page, "play.color", "none")
    assert tokens.evaluate_all(coloured) == 0


def test_two_views_write_the_same_and_two_playgrounds_their_own(page):
    index = page.run(
        "play = gw.Playground(obeying(gated=False), 'ab', max_new_tokens=8)\n"
        "other = gw.Playground(gpt, 'xy', max_new_tokens=3)\n"
        "from IPython.display import display\ndisplay(play, other, play)"
    )
    views = page.output(index).locator(".gw-playground")
    expect(views).to_have_count(3, timeout=PATIENCE)
    first, other, again = (views.nth(k) for k in range(3))
    button(again, "Run").click()
    for view in (first, again):
        becomes(view, "ready")
        expect(written(view).locator("[data-at]")).to_have_count(8)
    becomes(other, "empty")
    assert written(first).inner_text() == written(again).inner_text()
    first.get_by_role("textbox", name="Prompt").fill("here as well")
    expect(again.get_by_role("textbox", name="Prompt")).to_have_value("here as well")
    expect(other.get_by_role("textbox", name="Prompt")).to_have_value("xy")


# Runs that wait for the test, token by token


def test_stop_before_the_first_token_and_in_the_middle(page):
    play = show(page, "play = gw.Playground(obeying(), 'abc', temperature=0)")
    button(play, "Run").click()
    button(play, "Stop").click()
    becomes(play, "ready")
    assert page.value("(play.text, [node.reason for node in play.nodes][1:])") == "('', ['stopped'])"
    button(play, "Run").click()
    until(page, "len(play.nodes)", 3)
    page.value("step(4)")
    expect(written(play).locator("[data-at]")).to_have_count(4)
    button(play, "Stop").click()
    becomes(play, "ready")
    expect(play.locator(".gw-ended")).to_have_text("stopped")
    assert page.value("(len(play.text), play._latest.reason)") == "(4, 'stopped')"
    page.value("go()")
    button(play, "Continue").click()
    until(page, "play.status, play.path_text()[:3], len(play.tokens)", ("ready", "abc", 100))


def test_a_page_that_is_loaded_again_during_a_run_goes_on_with_it(page):
    play = show(page, "play = gw.Playground(obeying(), 'abc', temperature=0, max_new_tokens=40)")
    button(play, "Run").click()
    until(page, "len(play.nodes)", 2)
    page.value("step(5)")
    expect(written(play).locator("[data-at]")).to_have_count(5)
    page.save()
    page.reload()
    play = page.output(page.code_cells()[-1]).locator(".gw-playground")
    play.wait_for(timeout=PATIENCE)
    becomes(play, "running")
    expect(written(play).locator("[data-at]")).to_have_count(5)
    page.value("step(5)")
    expect(written(play).locator("[data-at]")).to_have_count(10)
    page.value("go()")
    becomes(play, "ready")
    expect(written(play).locator("[data-at]")).to_have_count(40)
    expect(written(play)).to_have_text(eval(page.value("play.text")))


def test_a_model_that_is_closed_during_a_run_says_so_and_its_text_stays(page):
    play = show(page, "play = gw.Playground(obeying(), 'abc', temperature=0)")
    button(play, "Run").click()
    until(page, "len(play.nodes)", 2)
    page.value("step(4)")
    expect(written(play).locator("[data-at]")).to_have_count(4)
    page.value("engine.close()")
    becomes(play, "closed")
    expect(play).to_contain_text("The model was closed")
    expect(play).to_contain_text("Load the model or connect to it again, and make a new playground.")
    assert eval(page.value("play.text")).startswith(written(play).inner_text())
    written(play).locator("[data-at]").first.hover()
    expect(play.locator(".gw-side h3")).to_contain_text("Position 3")
    expect(button(play, "Run")).to_be_disabled()


def test_twenty_clicks_are_twenty_runs_at_most_and_one_stop_ends_them(page):
    play = show(page, "play = gw.Playground(obeying(), 'abc', temperature=0, max_new_tokens=5)")
    button(play, "Run").evaluate("node => { for (let k = 0; k < 20; k++) node.click(); }")
    becomes(play, "running")
    until(page, "play.figures['queued']", 19)
    expect(play.locator(".gw-status")).to_contain_text("19 waiting")
    button(play, "Stop").click()
    becomes(play, "ready")
    assert page.value("(play.figures['queued'], len(play.nodes))") == "(0, 2)"
    page.value("go()")
    button(play, "Run").click()
    until(page, "(play.status, len(play.text))", ("ready", 5))


def test_a_widget_that_is_deleted_during_a_run_leaves_the_page_in_peace(page):
    play = show(page, "play = gw.Playground(obeying(), 'abc')")
    button(play, "Run").click()
    until(page, "len(play.nodes)", 2)
    page.value("step(3)")
    expect(written(play).locator("[data-at]")).to_have_count(3)
    page.value("play.close()")
    until(page, "play._latest.status", "stopped")
    page.value("step(3)")
    page.settle()  # the fixture looks for errors


def test_interrupting_the_kernel_ends_a_run_that_a_cell_waits_for(page):
    index = page.run("play = gw.Playground(obeying(), 'abc', temperature=0, max_new_tokens=9)\nplay")
    page.run("engine.gate.release(2)")
    cell = page.begin("play.run().wait()")
    play = page.output(index).locator(".gw-playground")
    expect(written(play).locator("[data-at]")).to_have_count(2, timeout=PATIENCE)
    page.interrupt()
    becomes(play, "ready")
    expect(play.locator(".gw-ended")).to_have_text("stopped")
    page.wait_idle()
    expect(page.output(cell)).to_contain_text("KeyboardInterrupt")
    page.value("go()")
    button(play, "Run").click()
    expect(play).to_have_attribute("data-tokens", "12")


def test_a_kernel_that_dies_during_a_run_leaves_the_text_readable(lab: Lab):
    page = lab.open([SETUP])
    page.run_cell(0)
    play = show(page, "play = gw.Playground(obeying(), 'abc', temperature=0)")
    button(play, "Run").click()
    until(page, "len(play.nodes)", 2)
    page.value("step(6)")
    expect(written(play).locator("[data-at]")).to_have_count(6)
    text = written(play).inner_text()
    page.kill()
    expect(play).to_contain_text("No kernel answers: this is what was saved. Run the cell to go on.")
    expect(button(play, "Run")).to_be_disabled()
    expect(play.locator(".gw-ended")).to_have_text("cut off: the kernel is gone")
    expect(play.get_by_role("treeitem").nth(1)).to_contain_text("the kernel is gone")
    written(play).locator("[data-at]").nth(2).hover()
    expect(play.locator(".gw-side h3")).to_contain_text("Position 5")
    assert written(play).inner_text() == text
