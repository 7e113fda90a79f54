// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { kindAndCaption, notesOf, rangeOf } from "../../src/heatmap/caption";
import { wrap } from "../../src/heatmap/export";
import { bench, fakeModel } from "../fake";
import { READY } from "./record";
import { show } from "./view";

describe("what must be known to read a picture", () => {
  const notes = (more: object, sampled = false) => notesOf(bench({ ...READY, ...more }).traits, sampled);

  it("is said: what is hidden, the window, shared keys, sampling", () => {
    expect(notes({}, true)).toEqual([
      "first token hidden, rows add up to 1 without it",
      "sliding window of 4 tokens",
      "heads 0–1 share their keys",
      "a first look, from some of the queries",
    ]);
    expect(notes({ hide_sink: false, layer: 0, head: "mean" })).toEqual([]);
  });

  it("claims no sum of a maximum", () => {
    expect(notes({ head: "max" })).toContain("first token hidden, each head's rows add up to 1 without it");
    expect(notes({ info: { ...READY.info, signed: true } })).toContain("first token hidden");
  });

  it("stands over every head, zoomed, tiny or not causal", () => {
    for (const more of [{ view: [2, 1, 3, 3] }, { info: { ...READY.info, length: 2, causal: false } }]) {
      const root = show(fakeModel({ ...READY, ...more }));
      expect(root.querySelector(".gw-caption")?.textContent).toContain("first token hidden");
    }
  });

  it("names the tokens that a zoomed picture shows", () => {
    expect(rangeOf(bench(READY).traits)).toBe("");
    expect(rangeOf(bench({ ...READY, view: [2, 1, 3, 3] }).traits)).toBe("queries 2–4, keys 1–3");
  });
});

describe("the kind of a merged head", () => {
  const kinds = { mean: "What most share.", max: "The largest.", "mean of max": "The mean of the largest." };
  const of = (layer: unknown, head: unknown) =>
    kindAndCaption(bench({ ...READY, kinds, layer, head }).traits);

  it("is left to the title, and a mean of maxima has a caption of its own", () => {
    expect(of(1, "max")).toEqual(["", "The largest."]);
    expect(of("mean", "mean")).toEqual(["", "What most share."]);
    expect(of("mean", "max")).toEqual(["", "The mean of the largest."]);
  });
});

describe("the lines of an exported picture", () => {
  it("hold what fits, and lose nothing", () => {
    const fits = (line: string) => line.length <= 9;
    expect(wrap(["one", "two", "three", "a very long one", "x"], " · ", fits)).toEqual([
      "one · two",
      "three",
      "a very long one",
      "x",
    ]);
  });
});
