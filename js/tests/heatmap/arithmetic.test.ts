// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import {
  cellOf,
  explain,
  firstAt,
  keyAt,
  type Step,
  say,
  stepOf,
  textOf,
} from "../../src/heatmap/arithmetic/cell";
import { largest, placeAt, placesOf } from "../../src/heatmap/arithmetic/strip";
import { type Fake, fakeModel, settled } from "../fake";
import { READY } from "./record";
import { arithmeticOf, HOSTILE } from "./sum";
import { all, button, press, show } from "./view";

const CHOSEN = { ...READY, query: 2, key: 1 };

const asked = (model: Fake) => model.sent.filter(({ kind }) => kind === "arithmetic");

/** A view with a chosen cell whose arithmetic has come. */
async function opened(more: object = {}, count = 3): Promise<[Fake, HTMLElement]> {
  const model = fakeModel({ ...CHOSEN, ...more });
  const root = show(model);
  await settled();
  await answer(model, count);
  return [model, root];
}

async function answer(model: Fake, count = 3): Promise<void> {
  const [told, buffers] = arithmeticOf(count);
  model.reply(asked(model).at(-1).id, told, buffers);
  await settled();
}

const cell = (count = 3) => {
  const [content, buffers] = arithmeticOf(count);
  return cellOf({
    content: content as Record<string, unknown>,
    buffers: buffers.map((one) => new Uint8Array(one.buffer)),
  });
};

const step = (root: Element, name: string) => root.querySelector(`[data-step="${name}"]`) as HTMLElement;
const made = (root: Element) => root.querySelector(".gw-made") as HTMLElement;

describe("numbers", () => {
  it.each([
    [-1.234_567, "−1.235"],
    [0.000_012_3, "1.23×10⁻⁵"],
    [12_345.6, "12346"],
    [100, "100"],
    [0, "0"],
    [Number.NEGATIVE_INFINITY, "−∞"],
  ])("%d is read as %s, as in Python", (x, said) => {
    expect(say(x)).toBe(said);
  });

  it("of one place are filled in, those below zero in brackets, and say what they were made of", () => {
    const there = cell();
    const products = stepOf(there, "products") as Step;
    const told = explain(there, products, 1);
    expect(told.filled.textContent).toBe("(−2)0.5−1");
    expect(textOf(there, products, 1)).toBe("products = −1");
    expect(Object.fromEntries(told.inputs)).toEqual({ q: new Set([1]), k: new Set([1]) });
    const total = explain(there, stepOf(there, "total") as Step, null);
    expect(Object.fromEntries(total.inputs)).toEqual({ exps: "all" });
  });

  it("of keys begin at the chosen one, whose place is found among the runs", () => {
    const there = cell(5);
    expect(firstAt(there, stepOf(there, "weights") as Step)).toBe(3);
    expect(keyAt({ ...there, keys: [[0, 2], [7, 9]] }, 3)).toBe(8); // biome-ignore format: runs
  });
});

describe("a long row", () => {
  it("shares its pixels: each number belongs to one of them, and the largest stands for its neighbours", () => {
    const numbers = new Float32Array(8192).fill(0.001);
    numbers[5000] = -0.9;
    const spans = Array.from({ length: 300 }, (_, column) => placesOf(column, 300, 8192));
    expect(spans[0]?.[0]).toBe(0);
    expect(spans.at(-1)?.[1]).toBe(8192);
    for (const [k, [from]] of spans.slice(1).entries()) expect(from).toBe(spans[k]?.[1]);
    expect(placeAt(numbers, (5000 / 8192) * 300, 300)).toBe(5000);
    expect(largest(numbers, 0, 10)).toBe(0);
    expect(placeAt(new Float32Array(), 3, 300)).toBeNull();
  });

  it("does not make the page long", async () => {
    const info = { ...READY.info, length: 8192 };
    const [, root] = await opened({ info, query: 8191, key: 8190 }, 8192);
    expect(all(root, ".gw-arithmetic *").length).toBeLessThan(200);
    expect(step(root, "weights").getAttribute("aria-valuemax")).toBe("8191");
  });
});

describe("the panel", () => {
  it("is there while a cell is chosen, and asks for its numbers once", async () => {
    const model = fakeModel({ ...READY, query: 2 });
    const root = show(model);
    expect(root.querySelector(".gw-arithmetic")).toBeNull();
    model.hear({ query: 3, key: 1 });
    model.hear({ query: 2 });
    await settled();
    expect(asked(model)).toEqual([
      expect.objectContaining({ record: "r", layer: 1, head: 0, query: 2, key: 1 }),
    ]);
    await answer(model);
    expect(root.querySelector(".gw-arithmetic h3")?.textContent).toBe("How much does didn look at animal?");
    expect(made(root).textContent).toContain("weight");
    model.hear({ key: null });
    expect(root.querySelector(".gw-arithmetic")).toBeNull();
  });

  it("takes back what it asked for when another cell is chosen, and keeps what it shows until then", async () => {
    const [model, root] = await opened();
    model.hear({ key: 0 });
    await settled();
    const { id } = asked(model).at(-1);
    model.hear({ key: 2 });
    expect(model.sent).toContainEqual({ type: "cancel", id });
    expect(step(root, "dot").textContent).toContain("2");
    await vi.waitFor(() =>
      expect(root.querySelector(".gw-arithmetic")?.getAttribute("aria-busy")).toBe("true"),
    );
  });

  it("opens in one frame with the marks of its cell, which do not wait for long", async () => {
    const model = fakeModel(READY);
    const root = show(model);
    const marked = () => all<HTMLElement>(root, ".gw-locked").map((span) => span.dataset["token"]);
    model.hear({ query: 3, key: 1 });
    await settled();
    expect([marked(), root.querySelector(".gw-arithmetic")]).toEqual([[], null]);
    await answer(model);
    expect(marked()).toEqual(["3"]);
    expect(made(root).textContent).toContain("weight");
    model.hear({ query: 4 }); // whose numbers do not come
    await vi.waitFor(() => expect(marked()).toEqual(["4"]));
    model.hear({ query: 5, key: null }); // which has none
    expect(marked()).toEqual(["5"]);
  });

  it("says what it cannot, in one sentence", async () => {
    const model = fakeModel({ ...CHOSEN, head: "mean" });
    const root = show(model);
    await settled();
    expect(root.querySelector(".gw-arithmetic [role=alert]")?.textContent).toContain("one head");
    expect(asked(model)).toEqual([]);
    model.hear({ head: 1 });
    await settled();
    const error = { type: "TypeError", message: "These are values with a sign." };
    model.reply(asked(model).at(-1).id, { ok: false, error });
    await settled();
    expect(root.querySelector(".gw-arithmetic [role=alert]")?.textContent).toBe(error.message);
  });

  it("shows text as text", async () => {
    const pieces = ["a", HOSTILE, HOSTILE];
    const [, root] = await opened({ tokens: { ...READY.tokens, pieces } });
    expect(all(root, ".gw-arithmetic :is(img, script)")).toEqual([]);
    expect(root.querySelector(".gw-facts")?.textContent).toContain(HOSTILE);
  });

  it("says that the picture hides the first token, and what this makes of the weight", async () => {
    const [model, root] = await opened();
    expect(root.querySelector(".gw-facts")?.textContent).toContain("share of the rest: 0.6");
    model.hear({ hide_sink: false });
    expect(root.querySelector(".gw-facts")?.textContent).not.toContain("rest");
  });

  it.each([["Escape"], ["×"]])("is closed by %s; the query stays", async (how) => {
    const [model, root] = await opened();
    if (how === "Escape") press(step(root, "dot"), "Escape");
    else button(root, "Close (Escape)").click();
    await settled();
    expect([model.get("query"), model.get("key")]).toEqual([2, null]);
  });
});

describe("a number", () => {
  it("that has the focus shows its formula and lights what went in", async () => {
    const [, root] = await opened();
    step(root, "products").dispatchEvent(new FocusEvent("focusin", { bubbles: true }));
    expect(made(root).textContent).toContain("13");
    press(step(root, "products"), "ArrowRight");
    expect(made(root).textContent).toContain("(−2)0.5−1");
    expect(step(root, "products").getAttribute("aria-valuetext")).toBe(
      "products, dimension 1: products = −1",
    );
    expect(all(root, "[data-lit]").map((one) => (one as HTMLElement).dataset["step"])).toEqual(["q", "k"]);
    step(root, "products").dispatchEvent(new FocusEvent("focusout", { bubbles: true }));
    expect(all(root, "[data-lit]")).toEqual([]);
  });

  it("under the pointer does the same", async () => {
    const [, root] = await opened();
    step(root, "dot").dispatchEvent(new Event("pointermove", { bubbles: true }));
    expect(made(root).textContent).toContain("dot.");
    expect(step(root, "products").hasAttribute("data-lit")).toBe(true);
  });

  it("is one of which Tab finds one, and the arrows the others", async () => {
    const [, root] = await opened();
    const tabs = () => all<HTMLElement>(root, "[data-step]").filter((one) => one.tabIndex === 0);
    expect(tabs().map((one) => one.dataset["step"])).toEqual(["q"]);
    step(root, "q").focus();
    press(step(root, "q"), "ArrowDown");
    expect(tabs().map((one) => one.dataset["step"])).toEqual(["k"]);
  });
});

describe("steps", () => {
  const open = (root: Element) =>
    all<HTMLElement>(root, "[data-step]:not([data-folded])").map((one) => one.dataset["step"]);

  it("unfold part by part: from Python, by the keys, by the buttons", async () => {
    const [model, root] = await opened();
    expect(open(root)).toHaveLength(8);
    model.hear({ step: 0 });
    expect(open(root)).toEqual([]);
    expect(root.querySelector(".gw-arithmetic h3")?.textContent).toContain("How much");
    press(root, ".");
    expect(open(root)).toEqual(["q", "k"]);
    button(root, "One step more (.)").click();
    expect(open(root)).toEqual(["q", "k", "products", "dot"]);
    expect(made(root).textContent).toContain("dot.");
    press(root, ",");
    await settled();
    expect(model.get("step")).toBe(1);
  });

  it("go no further than there is, and come back from what is more than all", async () => {
    const [model, root] = await opened({ step: 7 });
    press(root, ",");
    await settled();
    expect(model.get("step")).toBe(2);
    press(root, ".");
    press(root, ".");
    await settled();
    expect(model.get("step")).toBe(3);
  });

  it("leave what is typed alone", async () => {
    const [model, root] = await opened({ step: 2 });
    const field = document.createElement("textarea");
    root.append(field);
    expect(press(field, ",")).toBe(true);
    await settled();
    expect(model.get("step")).toBe(2);
  });
});
