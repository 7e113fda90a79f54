// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { settled } from "../fake";
import { all } from "../heatmap/view";
import { tell, written } from "./kernel";

const NUMBERS = /[\d.]+/gu;
const ROW = /,(.*)\)/u; // of a translation

const beam = (token: number, piece: string, score: number, parent: number, more: object = {}) => ({
  ids: [token],
  token,
  piece,
  score,
  parent,
  kept: true,
  finished: false,
  ...more,
});
const FIRST = { index: 0, beams: [beam(1, " upon", -0.5, 0), beam(2, " a", -1.25, 0, { kept: false })] };
const SECOND = {
  index: 1,
  beams: [
    beam(3, " time", -0.75, 0, { finished: true }),
    beam(6, "<b>", -2, 0),
    beam(4, " a very long day", -3, 1),
  ],
};

async function searched(...told: object[][]) {
  const { model, root } = await written();
  told.forEach((steps, i) => {
    tell(model, 3 + i, [], [], { beams: [{ node: "w", steps }] });
  });
  await settled();
  const boxes = () => all<SVGGElement>(root, ".gw-beams g");
  const texts = () => boxes().map((box) => all(box, "text").map((text) => text.textContent));
  return { model, root, boxes, texts };
}

describe("beam search", () => {
  it("stands step by step: what was kept, dropped and finished, with its score", async () => {
    const { root, boxes, texts } = await searched([FIRST, SECOND]);
    expect(texts()).toEqual([
      ["·upon", "−0.50"],
      ["·a", "−1.25"],
      ["·time", "−0.75"],
      ["<b>", "−2.00"],
      ["·a·very·lo…", "−3.00"],
    ]);
    expect(boxes().map((box) => box.getAttribute("class"))).toEqual([
      "gw-stays",
      "gw-dropped",
      "gw-done",
      "gw-stays",
      "gw-stays",
    ]);
    expect(root.querySelector(".gw-beams svg")?.getAttribute("aria-label")).toBe(
      "2 steps of beam search, at most 3 beams a step",
    );
  });

  it("draws a line from each beam to the one that it goes on from", async () => {
    const { root, boxes } = await searched([FIRST, SECOND]);
    const tops = boxes().map((box) => Number(ROW.exec(box.getAttribute("transform") ?? "")?.[1]));
    const middle = 15; // of a box
    const lines = all(root, ".gw-beams path").map((line) => {
      const numbers = (line.getAttribute("d")?.match(NUMBERS) ?? []).map(Number);
      return [numbers[1], numbers.at(-1)];
    });
    const [one, two, ...next] = tops.map((top) => top + middle);
    expect(lines).toEqual([
      [one, next[0]],
      [one, next[1]],
      [two, next[2]],
    ]);
  });

  it("grows by what comes, in the order of its steps, each once", async () => {
    const { root, texts } = await searched([SECOND], [FIRST], [SECOND]);
    expect(texts().map(([piece]) => piece)).toEqual(["·upon", "·a", "·time", "<b>", "·a·very·lo…"]);
    expect(all(root, ".gw-beams").length).toBe(1);
  });

  it("is of the shown text only", async () => {
    const { model, root } = await searched([FIRST]);
    model.hear({ leaf: "p" });
    await settled();
    expect(root.querySelector(".gw-beams")).toBeNull();
  });
});
