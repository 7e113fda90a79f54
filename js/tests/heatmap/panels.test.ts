// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import factory from "../../src/heatmap/index";
import { createThumbs } from "../../src/heatmap/thumbs";
import { bench, type Fake, fakeModel, settled } from "../fake";

const WORDS = ["The", " animal", " didn", "'t", " cross", "</script><img src=x onerror=alert(1)>"];

const READY = {
  status: "ready",
  text: WORDS.join(""),
  layer: 1,
  head: 0,
  query: null,
  key: null,
  direction: "from",
  hide_sink: true,
  info: {
    record: "r",
    length: 6,
    layers: [0, 1],
    n_heads: 2,
    n_kv_heads: 1,
    windows: [null, 4],
    name: "a<b>",
    causal: true,
    thumb_level: 0,
  },
  tokens: { pieces: WORDS, ids: [1, 2, 3, 4, 5, 6], groups: null, special: [] },
  scores: {
    columns: ["entropy"],
    rows: [
      [0, 0, 3],
      [0, 1, 1],
      [1, 0, 2],
      [1, 1, 0.5],
    ],
  },
  kinds: { local: "A band along the diagonal." },
  kind_of: [[1, 0, "local"]],
  sentence: "layer 1 head 0",
};

const views: (() => void)[] = [];

/** A view of a model, as anywidget would make it. */
function show(model: Fake): HTMLElement {
  const made = factory();
  const end = made.initialize({ model });
  const el = document.createElement("div");
  document.body.append(el);
  const leave = made.render({ model, el });
  views.push(leave, end);
  return el.querySelector(".gw-heatmap") as HTMLElement;
}

const all = <One extends Element>(root: Element, selector: string): One[] => [
  ...root.querySelectorAll<One>(selector),
];

const button = (root: Element, label: string): HTMLButtonElement =>
  all<HTMLButtonElement>(root, "button").find(
    (one) => one.textContent === label || one.getAttribute("aria-label") === label,
  ) as HTMLButtonElement;

const press = (target: Element, key: string, more: KeyboardEventInit = {}): boolean =>
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));

beforeEach(() => {
  vi.spyOn(globalThis, "requestAnimationFrame").mockReturnValue(0);
});

afterEach(() => {
  for (const end of views.splice(0)) end();
  document.body.replaceChildren();
});

describe("a view", () => {
  it("says its state on its root", () => {
    const model = fakeModel(READY);
    const root = show(model);
    expect(root.dataset).toMatchObject({ status: "ready", layer: "1", head: "0" });
    model.hear({ status: "recording", head: "mean" });
    expect(root.dataset).toMatchObject({ status: "recording", head: "mean" });
    expect(root.getAttribute("aria-busy")).toBe("true");
  });

  it("leaves nothing behind", () => {
    const model = fakeModel(READY);
    const before = model.listeners();
    const root = show(model);
    for (const end of views.splice(0)) end();
    expect(root.isConnected).toBe(false);
    expect(model.listeners()).toBe(before);
  });

  it("shares traits with a second view and keeps its own elements", () => {
    const model = fakeModel(READY);
    const made = factory();
    views.push(made.initialize({ model }));
    const places = [document.createElement("div"), document.createElement("div")];
    for (const el of places) views.push(made.render({ model, el }));
    model.hear({ layer: 0 });
    expect(places.map((el) => el.querySelector<HTMLElement>(".gw-heatmap")?.dataset["layer"])).toEqual([
      "0",
      "0",
    ]);
    const ids = places.flatMap((el) => all(el, "[id]").map((one) => one.id));
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("choosing a head", () => {
  it("steps through the heads in the order of the overview", async () => {
    const model = fakeModel(READY);
    const root = show(model);
    button(root, "Next head").click();
    await settled();
    expect([model.get("layer"), model.get("head")]).toEqual([1, 1]);
    button(root, "Next head").click();
    await settled();
    expect([model.get("layer"), model.get("head")]).toEqual([0, 0]);
  });

  it("follows the ranking when there is one", async () => {
    const model = fakeModel({ ...READY, sort: "entropy", descending: false });
    const root = show(model);
    press(root.querySelector(".gw-grid") as Element, "ArrowLeft");
    await settled();
    expect([model.get("layer"), model.get("head")]).toEqual([0, 1]);
  });

  it("names the chosen cell for a screen reader", () => {
    const cell = show(fakeModel(READY)).querySelector(".gw-cell") as HTMLElement;
    expect(cell.dataset).toMatchObject({ layer: "1", head: "0" });
    expect(cell.getAttribute("aria-label")).toBe(
      "Layer 1 · Head 0, local, entropy, bits 2.00, shares keys and values 0–1, sees the last 4",
    );
  });

  it("shows the kind of the head and what to look for", () => {
    const head = show(fakeModel(READY)).querySelector(".gw-head") as HTMLElement;
    expect(head.querySelector("h3")?.textContent).toBe("Layer 1 · Head 0locala<b>");
    expect(head.querySelector("p")?.textContent).toBe("A band along the diagonal.");
  });
});

describe("the legend", () => {
  it("has the numbers of the scale", () => {
    const model = fakeModel({ ...READY, scale: "log" });
    const root = show(model);
    const ticks = (): (string | null)[] => all(root, ".gw-legend span").map((one) => one.textContent);
    expect(ticks()).toEqual(["≤ 0.0001", "0.001", "0.01", "0.1", "1"]);
    model.hear({ scale: "linear" });
    expect(ticks()).toEqual(["0", "0.25", "0.5", "0.75", "1"]);
  });
});

describe("the text", () => {
  it("is the tokens, as text and nothing else", () => {
    const flow = show(fakeModel(READY)).querySelector(".gw-flow") as HTMLElement;
    expect(flow.textContent).toBe(WORDS.join(""));
    expect(all(flow, "[data-token]")).toHaveLength(6);
    expect(flow.querySelector("img, script")).toBeNull();
  });

  it("puts spaces between words that came with an array", () => {
    const tokens = { pieces: ["a", "b"], ids: [-1, -1], groups: null, special: [] };
    const model = fakeModel({ ...READY, tokens, info: { ...READY.info, length: 2 } });
    expect(show(model).querySelector(".gw-flow")?.textContent).toBe("a b");
  });

  it("keeps a token that is clicked, asks for its line, and lets it go", async () => {
    const model = fakeModel(READY);
    const root = show(model);
    all<HTMLElement>(root, "[data-token]")[3]?.click();
    await settled();
    expect(model.get("query")).toBe(3);
    const line = model.sent.find((message) => message.kind === "line");
    expect(line).toMatchObject({ record: "r", variant: "no_sink", layer: 1, head: 0, query: 3 });
    model.reply(line.id, {}, [Float32Array.from([Number.NaN, 0.75, 0.25, 0, Number.NaN, Number.NaN])]);
    await settled();
    expect(root.querySelector(".gw-text .gw-bar")?.textContent).toContain("most at animal 0.7500");
    expect(all<HTMLElement>(root, "[data-token]")[1]?.style.backgroundColor).not.toBe("");
    expect(all<HTMLElement>(root, "[data-token]")[0]?.style.backgroundColor).toBe("");
    press(root.querySelector(".gw-flow") as Element, "Escape");
    await settled();
    expect(model.get("query")).toBeNull();
  });

  it("turns round without losing the token", async () => {
    const model = fakeModel({ ...READY, query: 2 });
    const root = show(model);
    const radio = all<HTMLInputElement>(root, ".gw-text input[type=radio]")[1] as HTMLInputElement;
    radio.dispatchEvent(new Event("change"));
    await settled();
    expect([model.get("direction"), model.get("query"), model.get("key")]).toEqual(["to", null, 2]);
    expect(model.sent.at(-1)).toMatchObject({ kind: "line", key: 2 });
  });

  it("draws only what is near of a long one", () => {
    const pieces = Array.from({ length: 32_768 }, () => " word");
    const tokens = { pieces, ids: pieces.map((_, at) => at), groups: null, special: [] };
    const model = fakeModel({ ...READY, tokens, info: { ...READY.info, length: pieces.length } });
    const flow = show(model).querySelector(".gw-flow") as HTMLElement;
    expect(flow.textContent).toHaveLength(pieces.length * 5);
    expect(all(flow, "[data-token]").length).toBeLessThan(400);
  });

  it("is changed in place", async () => {
    const model = fakeModel({ ...READY, query: 2 });
    const root = show(model);
    button(root, "Change the text").click();
    const field = root.querySelector("textarea") as HTMLTextAreaElement;
    expect(field.value).toBe(READY.text);
    field.value = "Something else";
    field.dispatchEvent(new Event("input"));
    press(field, "Enter", { ctrlKey: true });
    await settled();
    expect([model.get("text"), model.get("query")]).toEqual(["Something else", null]);
    expect(root.querySelector("textarea")).toBeNull();
  });
});

describe("states", () => {
  it("invites to write a text where there is none", () => {
    const root = show(fakeModel({ status: "empty", editable: true, info: { name: "m" } }));
    expect(root.querySelector(".gw-card textarea")).not.toBeNull();
    expect(root.querySelector(".gw-text")).toBeNull();
  });

  it("says how far a job is, and stops it", () => {
    const progress = { stage: "recording", done: 12, total: 30, unit: "layers", seconds_left: 8.4 };
    const model = fakeModel({ status: "recording", progress });
    const root = show(model);
    expect(root.querySelector(".gw-card")?.textContent).toContain("12 of 30 layers · 40 % · about 8 s left");
    button(root, "Stop").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "stop" });
    model.hear({ progress: { stage: "downloading", done: 50e6, total: 93e6, unit: "B" } });
    expect(root.querySelector(".gw-card")?.textContent).toContain("50 of 93 MB");
  });

  it("shows an error as text, and what to do", () => {
    const error = { type: "TextError", message: "<b>bad</b>", action: "Try another text." };
    const root = show(fakeModel({ status: "error", error, editable: true }));
    const card = root.querySelector("[role=alert]") as HTMLElement;
    expect(card.textContent).toContain("<b>bad</b>");
    expect(card.textContent).toContain("Try another text.");
    expect(card.querySelector("b")).toBeNull();
    expect(button(card, "Change the text")).toBeDefined();
  });

  it("keeps the pictures of a closed model, with a note", () => {
    const root = show(fakeModel({ ...READY, status: "closed" }));
    expect(root.querySelector(".gw-card")).toBeNull();
    expect(root.querySelector(".gw-notes")?.textContent).toContain("closed");
    expect(root.querySelector(".gw-flow")?.textContent).toBe(WORDS.join(""));
  });

  it("says so where no kernel answers", async () => {
    vi.useFakeTimers();
    const root = show(fakeModel(READY));
    await vi.advanceTimersByTimeAsync(8100);
    expect(root.querySelector(".gw-notes")?.textContent).toContain("No kernel answers");
    vi.useRealTimers();
  });
});

describe("thumbnails", () => {
  const asked = (model: Fake): unknown[] => model.sent.filter((message) => message.kind === "thumbs");

  it("that came with the traits are not asked for", async () => {
    const { thumbs, model } = stage({ first: new Uint8Array(4 * 36).fill(9), first_name: "r|no_sink" });
    expect(thumbs.get(1, 1)).toMatchObject({ rows: 6, cols: 6 });
    thumbs.want([[1, 1]]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked(model)).toEqual([]);
  });

  it("that are missing are asked for once, and stand in for one another meanwhile", async () => {
    const { thumbs, model } = stage({ first: new Uint8Array(4 * 36).fill(9), first_name: "r|no_sink" });
    model.hear({ hide_sink: false });
    expect(thumbs.get(0, 0)?.codes[0]).toBe(9);
    for (let time = 0; time < 3; time++) thumbs.want([[0, 0]]);
    await vi.advanceTimersByTimeAsync(2000);
    thumbs.want([[0, 0]]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked(model)).toMatchObject([{ record: "r", variant: "plain", heads: [[0, 0]] }]);
    const [request] = asked(model) as { id: string }[];
    model.reply(request?.id ?? "", { thumbs: [[0, 0, 2, 2, 1]] }, [Uint8Array.from([1, 2, 3, 4])]);
    await vi.advanceTimersByTimeAsync(1);
    expect(thumbs.get(0, 0)).toEqual({ codes: Uint8Array.from([1, 2, 3, 4]), rows: 2, cols: 2 });
  });

  it("of another record are forgotten", () => {
    const { thumbs, model } = stage({ first: new Uint8Array(4 * 36).fill(9), first_name: "r|no_sink" });
    model.hear({ info: { ...READY.info, record: "s" } });
    expect(thumbs.get(0, 0)).toBeUndefined();
  });
});

/** The thumbnails' store alone, with a clock that the test moves. */
function stage(traits: object) {
  vi.useFakeTimers();
  const { model, traits: bound, wire, ends } = bench({ ...READY, ...traits });
  views.push(() => {
    ends.abort();
    vi.useRealTimers();
  });
  return { model, thumbs: createThumbs(bound, wire, ends.signal) };
}
