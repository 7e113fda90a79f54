// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { at, make, type Parts, point } from "./hand";

const press = ({ host }: Parts, key: string, shiftKey = false) => {
  const event = new KeyboardEvent("keydown", { key, shiftKey, bubbles: true, cancelable: true });
  host.dispatchEvent(event);
  return event;
};

const chosen = ({ traits }: Parts) => [traits.query.value, traits.key.value];

beforeEach(() => {
  vi.useFakeTimers();
  document.body.replaceChildren();
  HTMLElement.prototype.setPointerCapture = () => undefined;
});

afterEach(() => {
  vi.useRealTimers();
});

describe("the pointer", () => {
  it("hovers: the exact weight, its tokens and its place", () => {
    const parts = make(3);
    at(parts, "pointermove", 2, 1);
    expect(parts.hover.value).toEqual({ row: 2, col: 1, value: 0.25 });
    expect(parts.tip.value?.strong).toBe("0.2500");
    expect(parts.tip.value?.quiet[0]?.[0]).toContain("b");
    point(parts, "pointerleave", 0, 0);
    expect([parts.hover.value, parts.tip.value]).toEqual([null, null]);
  });

  it("names a split character whole, with the part that it is", () => {
    const parts = make(3);
    const tokens = { pieces: ["⟨E7⟩", "⟨8C AB⟩", "c"], groups: [0, 0, 1], group_text: { 0: "猫" } };
    parts.model.hear({ tokens });
    at(parts, "pointermove", 2, 1);
    expect(parts.tip.value?.quiet[0]?.[0]).toContain("猫\u200e 2/2");
  });

  it("zooms by a double click, and chooses as before it", () => {
    const parts = make();
    parts.traits.query.value = 5;
    for (const type of ["pointerdown", "pointerup", "click"]) at(parts, type, 500, 20);
    expect(chosen(parts)).not.toEqual([5, null]);
    at(parts, "dblclick", 500, 20);
    expect(chosen(parts)).toEqual([5, null]);
    expect(parts.traits.view.value).toHaveLength(4);
  });

  it("says nothing false before the value is there", () => {
    const parts = make(3);
    parts.patches.value = () => undefined;
    at(parts, "pointermove", 2, 1);
    expect(parts.patches.want).toHaveBeenCalledWith("r|plain|3|5", 2, 1);
    vi.advanceTimersByTime(100);
    expect(parts.tip.value?.strong).toBe("…");
  });

  it("draws the cross-hair and its value at once where the value comes soon", () => {
    const parts = make(3);
    parts.patches.value = () => undefined;
    at(parts, "pointermove", 2, 1);
    expect([parts.hover.value, parts.tip.value]).toEqual([null, null]);
    parts.patches.value = () => 0.25;
    parts.hands.look();
    expect(parts.hover.value).toEqual({ row: 2, col: 1, value: 0.25 });
    expect(parts.tip.value?.strong).toBe("0.2500");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("follows the hand without values where they come late", () => {
    const parts = make(3);
    parts.patches.value = () => undefined;
    at(parts, "pointermove", 1, 1);
    at(parts, "pointermove", 2, 1);
    vi.advanceTimersByTime(100);
    expect(parts.hover.value).toEqual({ row: 2, col: 1 });
    at(parts, "pointermove", 2, 0);
    expect(parts.hover.value).toEqual({ row: 2, col: 0 });
    point(parts, "pointerleave", 0, 0);
    at(parts, "pointermove", 2, 1);
    point(parts, "pointerleave", 0, 0);
    vi.advanceTimersByTime(100);
    expect(parts.hover.value).toBeNull();
  });

  it("chooses the cell under the click, though nothing was said of it yet", () => {
    const parts = make(3);
    at(parts, "pointermove", 1, 1);
    parts.patches.value = () => undefined;
    for (const type of ["pointermove", "pointerdown", "pointerup", "click"]) at(parts, type, 2, 0);
    expect(chosen(parts)).toEqual([2, 0]);
  });

  it("says of a cell that does not exist that it is masked", () => {
    const parts = make(3);
    parts.patches.value = () => Number.NaN;
    at(parts, "pointermove", 0, 2);
    expect(parts.tip.value?.strong).toBe("masked");
  });

  it("finds the strongest of the cells that are drawn as one", () => {
    const parts = make(1000);
    parts.patches.strongest = vi.fn(() => [501, 300] as [number, number]);
    at(parts, "pointermove", 500, 300);
    expect(parts.hover.value).toMatchObject({ row: 501, col: 300 });
    expect(parts.tip.value?.quiet.at(-1)?.[0]).toContain("strongest of 4 × 4");
  });

  it("chooses a cell, and lets it go", () => {
    const parts = make(3);
    for (const expected of [
      [2, 1],
      [null, null],
    ]) {
      at(parts, "pointerdown", 2, 1);
      at(parts, "pointerup", 2, 1);
      at(parts, "click", 2, 1);
      expect(chosen(parts)).toEqual(expected);
    }
  });

  it("chooses a query or a key at its label, and turns the direction", () => {
    const parts = make(3);
    const { plot, bottom, x, y } = parts.scene();
    point(parts, "click", plot.x - 10, y(1.5));
    expect([...chosen(parts), parts.traits.direction.value]).toEqual([1, null, "from"]);
    point(parts, "click", x(2.5), bottom + 10);
    expect([...chosen(parts), parts.traits.direction.value]).toEqual([null, 2, "to"]);
    point(parts, "click", plot.x - 10, bottom + 10);
    point(parts, "click", 690, 10);
    expect(chosen(parts)).toEqual([null, 2]);
  });

  it("drags the picture, which is then not a click", () => {
    const parts = make();
    parts.traits.view.value = [400, 400, 100, 100];
    at(parts, "pointerdown", 450, 450);
    at(parts, "pointermove", 455, 460);
    at(parts, "pointerup", 455, 460);
    at(parts, "click", 455, 460);
    const [row0 = 0, col0 = 0] = parts.traits.view.value;
    expect(row0).toBeCloseTo(395, 0);
    expect(col0).toBeCloseTo(390, 0);
    expect(chosen(parts)).toEqual([null, null]);
  });

  it("draws a box with Shift, and zooms into it", () => {
    const parts = make();
    at(parts, "pointerdown", 500, 200, { shiftKey: true });
    at(parts, "pointermove", 600, 290);
    expect(parts.hands.box()).not.toBeNull();
    at(parts, "pointerup", 600, 290);
    expect(parts.hands.box()).toBeNull();
    const [row0 = 0, col0 = 0, rows = 0, cols = 0] = parts.traits.view.value;
    expect(row0).toBeLessThanOrEqual(501);
    expect(row0 + rows).toBeGreaterThanOrEqual(600);
    expect(col0).toBeLessThanOrEqual(201);
    expect(cols).toBeCloseTo(rows, 6);
  });

  it("zooms with two clicks about their place, and chooses only with the first", () => {
    const parts = make();
    at(parts, "click", 500, 200, { detail: 1 });
    at(parts, "click", 500, 200, { detail: 2 });
    expect(chosen(parts)).toEqual([500, 200]);
    at(parts, "dblclick", 500, 200);
    expect(parts.traits.view.value[2]).toBeCloseTo(500, 0);
  });
});

describe("the wheel", () => {
  const wheel = { deltaY: -100, deltaX: 0, deltaMode: 0, ctrlKey: false, metaKey: false };

  it("scrolls the page, and says how it would zoom", () => {
    const parts = make();
    expect(at(parts, "wheel", 500, 200, wheel).defaultPrevented).toBe(false);
    expect(parts.traits.view.value).toEqual([]);
    expect(parts.tip.value?.strong).toContain("Ctrl");
  });

  it("zooms with Ctrl, and where the picture has the focus", () => {
    const parts = make();
    expect(at(parts, "wheel", 500, 200, { ...wheel, ctrlKey: true }).defaultPrevented).toBe(true);
    const [, , rows = 0] = parts.traits.view.value;
    expect(rows).toBeLessThan(1000);
    parts.host.focus();
    expect(at(parts, "wheel", 500, 200, wheel).defaultPrevented).toBe(true);
    expect(parts.traits.view.value[2]).toBeLessThan(rows);
  });

  it("scrolls the page again when there is nothing further out", () => {
    const parts = make();
    parts.host.focus();
    expect(at(parts, "wheel", 500, 200, { ...wheel, deltaY: 100 }).defaultPrevented).toBe(false);
  });
});

describe("keys", () => {
  it("pan while nothing is chosen, and move the chosen cell, which stays in view", () => {
    const parts = make();
    parts.traits.view.value = [400, 300, 100, 100];
    press(parts, "ArrowDown");
    expect(parts.traits.view.value).toEqual([410, 300, 100, 100]);
    parts.traits.query.value = 509;
    parts.traits.key.value = 300;
    press(parts, "ArrowDown");
    press(parts, "ArrowLeft");
    expect(chosen(parts)).toEqual([510, 299]);
    expect(parts.traits.view.value).toEqual([411, 299, 100, 100]);
    const before = parts.traits.view.value;
    press(parts, "ArrowUp");
    press(parts, "ArrowDown");
    expect(parts.traits.view.value).toBe(before); // nothing is painted anew
    press(parts, "ArrowRight", true);
    expect(chosen(parts)).toEqual([510, 299]);
  });

  it("never leave what is there: above the diagonal a causal head has no cells", () => {
    const parts = make(3);
    parts.traits.query.value = 1;
    parts.traits.key.value = 1;
    press(parts, "ArrowRight");
    press(parts, "End");
    expect(chosen(parts)).toEqual([1, 1]);
    for (const key of ["ArrowUp", "ArrowUp", "ArrowLeft", "Home"]) press(parts, key);
    expect(chosen(parts)).toEqual([0, 0]);
  });

  it("zoom, reset, choose and let go; what means nothing is the page's", () => {
    const parts = make();
    expect(press(parts, "+").defaultPrevented).toBe(true);
    expect(parts.traits.view.value).toHaveLength(4);
    press(parts, "0");
    expect(parts.traits.view.value).toEqual([]);
    press(parts, "Enter");
    expect(chosen(parts)).toEqual([500, 333]);
    press(parts, "Escape");
    expect(chosen(parts)).toEqual([null, null]);
    expect(press(parts, "Escape").defaultPrevented).toBe(false);
    expect(press(parts, "x").defaultPrevented).toBe(false);
  });

  it("end with the view", () => {
    const parts = make();
    parts.ends.abort();
    press(parts, "+");
    at(parts, "click", 500, 200);
    expect(parts.traits.view.value).toEqual([]);
    expect(chosen(parts)).toEqual([null, null]);
  });
});
