// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { cutBox, flip, highest, isOff, MOST, offWords } from "../../src/heatmap/switching";
import { bench, fakeModel, settled } from "../fake";
import { at, make } from "./hand";
import { READY } from "./record";
import { all, button, press, show } from "./view";

const OPEN = { ...READY, info: { ...READY.info, model: true } };
const EFFECT = {
  untouched: {
    logprob: -0.5,
    next: [
      ["orb", 7, 0.61],
      ["<b>", 8, 0.1],
    ],
  },
  now: {
    logprob: -3,
    next: [
      ["orb", 7, 0.05],
      ["<b>", 8, 0.2],
    ],
  },
  text: { untouched: -100.04, now: -99.5, unit: "nats" },
  continuation: { untouched: "orbell\n<i>", now: "ara" },
  control: {},
  words: "1 head off (mean): L0H1",
  is: "An effect is not everything.",
  busy: false,
};

describe("a head", () => {
  it("is switched off and on again, in the kernel's order", () => {
    const { traits } = bench(OPEN);
    flip(traits, 1, 1);
    flip(traits, 0, 1);
    expect(traits.headsOff.value).toEqual([
      [0, 1],
      [1, 1],
    ]);
    flip(traits, 1, 1);
    expect(traits.headsOff.value).toEqual([[0, 1]]);
    expect(isOff(traits.headsOff.value, 0, 1)).toBe(true);
  });

  it.each([
    ["a mean", OPEN, "mean" as const],
    ["a record without a model", READY, 0],
    ["a closed model", { ...OPEN, status: "closed" }, 0],
  ])("is not %s", (_, state, layer) => {
    const { traits } = bench(state);
    flip(traits, layer, 1);
    expect(traits.headsOff.value).toEqual([]);
  });

  it("is among the highest by a score, besides those that are off", () => {
    const { traits } = bench({ ...OPEN, heads_off: [[1, 1]] });
    highest(traits, 2, "entropy");
    expect(traits.headsOff.value).toEqual([
      [0, 0],
      [1, 0],
      [1, 1],
    ]);
  });

  it("is told in a caption", () => {
    const { traits } = bench({ ...OPEN, heads_off: [[1, 1]], cut: [[0, 0, 2, 1]], compare: "difference" });
    expect(offWords(traits)).toBe("difference: 1 head off (mean), 1 edge cut");
    expect(offWords(bench(OPEN).traits)).toBe("");
  });
});

describe("a box on the map", () => {
  const box = { row0: 1.8, col0: -0.4, rows: 2.4, cols: 2.2 };

  it("cuts the cells whose middle is inside, and that exist", () => {
    const { traits } = bench(OPEN);
    expect(cutBox(traits, box)).toBe("");
    expect(traits.cut.value).toEqual([
      [1, 0, 2, 0],
      [1, 0, 2, 1],
      [1, 0, 3, 0],
      [1, 0, 3, 1],
    ]);
    cutBox(traits, { row0: 0.2, col0: 0.1, rows: 0.2, cols: 5 });
    expect(traits.cut.value).toHaveLength(5); // of the first row one cell exists
  });

  it("adds to what is cut, each edge once", () => {
    const { traits } = bench({ ...OPEN, cut: [[1, 0, 2, 0]] });
    cutBox(traits, box);
    expect(traits.cut.value).toHaveLength(4);
  });

  it("says why it cannot cut", () => {
    expect(cutBox(bench({ ...OPEN, head: "mean" }).traits, box)).toContain("choose one");
    expect(cutBox(bench(READY).traits, box)).toContain("open model");
    const long = bench({ ...OPEN, info: { ...OPEN.info, length: 1000 } });
    expect(cutBox(long.traits, { row0: 0, col0: 0, rows: 900, cols: 900 })).toContain("zoom in");
    expect(long.traits.cut.value).toEqual([]);
    expect(MOST).toBeGreaterThan(1000);
  });

  it("is drawn by a plain drag in this mode, and zooms with Shift", () => {
    const drag = (on: boolean, shiftKey: boolean): [number, unknown] => {
      const parts = make(10);
      let boxes = 0;
      const count = (): void => {
        boxes += 1;
      };
      parts.cutting = { on: () => on, box: count };
      at(parts, "pointerdown", 8, 1, { shiftKey });
      at(parts, "pointermove", 9, 4, { shiftKey });
      at(parts, "pointerup", 9, 4, { shiftKey });
      return [boxes, parts.traits.view.value];
    };
    expect(drag(true, false)).toEqual([1, []]);
    expect(drag(true, true)[0]).toBe(0);
    expect(drag(true, true)[1]).not.toEqual([]);
    expect(drag(false, false)[0]).toBe(0);
  });
});

describe("the panel", () => {
  it("is there in the mode, or where something is off; never for a mere record", () => {
    const model = fakeModel(OPEN);
    const root = show(model);
    expect(root.querySelector(".gw-cause")).toBeNull();
    button(root, "Switch off").click();
    expect(root.querySelector(".gw-cause")?.textContent).toContain("Nothing is off");
    model.hear({ switching: false, heads_off: [[0, 1]] });
    expect(root.querySelector(".gw-cause")?.textContent).toContain("L0H1");
    expect(button(show(fakeModel(READY)), "Switch off")).toBeUndefined();
  });

  it("says each number beside the untouched one, and model text as text", () => {
    const root = show(fakeModel({ ...OPEN, heads_off: [[0, 1]], effect: EFFECT }));
    const rows = all(root, ".gw-next tr").map((row) => row.textContent);
    expect(rows.slice(1)).toEqual(["orb61 %5.0 %", "<b>10 %20 %"]);
    const text = root.querySelector(".gw-effect")?.textContent ?? "";
    for (const words of ["−100.0 → −99.5 nats", "…orbell⏎<i>", "…ara", "An effect is not everything."])
      expect(text).toContain(words);
    expect(all(root, ".gw-effect bdi *")).toEqual([]);
  });

  it("shows the ablation always, and sets it", async () => {
    const model = fakeModel({ ...OPEN, heads_off: [[0, 1]] });
    const pick = show(model).querySelector<HTMLSelectElement>(".gw-cause select");
    expect(pick?.value).toBe("mean");
    Object.assign(pick as HTMLSelectElement, { value: "zero" }).dispatchEvent(new Event("change"));
    await settled();
    expect(model.get("ablation")).toBe("zero");
  });

  it("asks for undo and for controls, and clears by itself", async () => {
    const model = fakeModel({ ...OPEN, heads_off: [[0, 1]], effect: EFFECT, undoable: 1 });
    const root = show(model);
    button(root, "Undo").click();
    button(root, "Compare with controls").click();
    expect(model.sent.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["undo", "control"]));
    button(root, "Clear").click();
    await settled();
    expect([model.get("heads_off"), button(root, "Undo").disabled]).toEqual([[], false]); // it stays, as long as there is a way back
  });

  it("shows the controls once they are there, and errors as sentences", () => {
    const control = { target: "orb", untouched: 0.61, now: 0.05, others: [0.6, 0.62], text: [-6.25, -6.2] };
    const model = fakeModel({ ...OPEN, heads_off: [[0, 1]], effect: { ...EFFECT, control } });
    const root = show(model);
    expect(root.querySelector(".gw-control")?.textContent).toContain("60 % · 62 %");
    model.hear({ effect: { error: "Memory ran out." } });
    expect(root.querySelector(".gw-cause [role=alert]")?.textContent).toBe("Memory ran out.");
  });

  it("takes the highest by a score, once it is measured", async () => {
    const model = fakeModel({ ...OPEN, switching: true });
    const root = show(model);
    expect(button(root, "Switch these off")).toBeUndefined();
    button(root, "Measure it first").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "induction" });
    model.hear({ sort: "entropy" });
    Object.assign(root.querySelector(".gw-cause [type=number]") as HTMLInputElement, { value: "1" });
    button(root, "Switch these off").click();
    await settled();
    expect(model.get("heads_off")).toEqual([[0, 0]]);
  });
});

describe("the key x", () => {
  it("switches the chosen head off, in the mode or not", async () => {
    const model = fakeModel(OPEN);
    const root = show(model);
    press(root.querySelector(".gw-grid") as Element, "x");
    await settled();
    expect(model.get("heads_off")).toEqual([[1, 0]]);
    expect(root.querySelector(".gw-cell")?.getAttribute("aria-label")).toContain("switched off (mean)");
  });
});
