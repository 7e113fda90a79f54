// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { makePalette } from "../../src/color";
import { paintAxes } from "../../src/heatmap/axes";
import type { Measure } from "../../src/heatmap/labels";
import { sceneOf } from "../../src/heatmap/scene";
import { bench } from "../fake";

const measure: Measure = { width: (text) => text.length * 6, fit: (text) => text };
const theme = { dark: false, paper: "", ink: "", soft: "", line: "", accent: "", font: "x" };
const size = { width: 700, height: 500, ratio: 1 };

/** The texts under the plot, each with its left and right edge. */
function under(view: number[], length: number): [string, number, number][] {
  const pieces = Array.from({ length }, (_, at) => `token${at}`);
  const { traits } = bench({ info: { record: "r", length }, tokens: { pieces }, view });
  const scene = sceneOf(
    traits,
    makePalette({ colormap: "auto", scale: "sqrt", dark: false }),
    theme,
    size,
    measure,
  );
  const texts: [string, number, number][] = [];
  const state: Record<string, unknown> = {
    fillText(text: string, x: number, y: number) {
      if (y > scene.bottom) texts.push([text, x - text.length * 6, x]); // all are written from their right end
    },
  };
  const on = new Proxy(state, {
    get: (_, name: string) => state[name] ?? (() => undefined),
    set: (_, name: string, value) => {
      state[name] = value;
      return true;
    },
  });
  paintAxes(on as unknown as CanvasRenderingContext2D, scene);
  return texts;
}

describe("the keys' axis", () => {
  it("keeps clear of its own name, wherever it is zoomed to", () => {
    for (const [length, cells] of [
      [40, 5],
      [5000, 900],
    ] as const) {
      for (let col = 0; col < 30; col += 0.35) {
        const [[name, , end], ...labels] = under([20, col, cells, cells], length) as [
          [string, number, number],
        ];
        expect(name).toBe("key →");
        expect(labels.length).toBeGreaterThan(2);
        for (const [, start] of labels as [string, number, number][]) expect(start).toBeGreaterThan(end);
      }
    }
  });
});
