import { describe, expect, it } from "vitest";
import { colour, decode, encode, luminance, makePalette } from "../src/color";
import type { Colormap, Scale } from "../src/model";

const SCALES: Scale[] = ["linear", "sqrt", "log"];
const MAPS: Colormap[] = ["viridis", "cividis", "magma", "grey"];

const rgb = (pixel: number): [number, number, number] => [
  pixel & 255,
  (pixel >> 8) & 255,
  (pixel >> 16) & 255,
];

describe("the coding of weights", () => {
  it("is the kernel's: 0 for no cell, 1 for a weight of 0, 255 for 1", () => {
    expect([Number.NaN, 0, 1, 0.5, 1e-4].map((w) => encode(w))).toEqual([0, 1, 255, 215, 26]);
  });

  it("comes back from every byte", () => {
    for (let code = 1; code < 256; code++) expect(encode(decode(code))).toBe(code);
    for (let code = 1; code < 256; code++) expect(encode(decode(code, true, 3), true, 3)).toBe(code);
    expect(decode(0)).toBeNaN();
  });

  it("is right to 2 % for weights that matter", () => {
    for (let w = 0.001; w <= 1; w *= 1.07) expect(Math.abs(decode(encode(w)) - w) / w).toBeLessThan(0.05);
    for (let w = 0.05; w <= 1; w *= 1.07) expect(Math.abs(decode(encode(w)) - w) / w).toBeLessThan(0.02);
  });

  it("keeps the sign", () => {
    expect(encode(-2, true, 2)).toBe(1);
    expect(encode(0, true, 2)).toBe(128);
    expect(decode(1, true, 2)).toBe(-2);
    expect(decode(255, true, 2)).toBe(2);
  });
});

describe("a palette", () => {
  for (const scale of SCALES) {
    for (const dark of [false, true]) {
      it(`puts larger weights further along: ${scale}, ${dark ? "dark" : "light"}`, () => {
        const palette = makePalette({ colormap: "auto", scale, dark });
        const places = Array.from({ length: 255 }, (_, i) => palette.at(decode(i + 1)));
        expect(places).toEqual([...places].sort((a, b) => a - b));
        expect([places[0], places.at(-1)]).toEqual([0, 1]);
        const signed = makePalette({ colormap: "auto", scale, dark, signed: true, vmax: 5 });
        expect([-5, 0, 5].map(signed.at)).toEqual([0, 0.5, 1]);
      });
    }
  }

  it("leaves no cell transparent but that which is absent", () => {
    const { lut } = makePalette({ colormap: "viridis", scale: "sqrt", dark: false });
    expect(lut[0]).toBe(0);
    for (let code = 1; code < 256; code++) expect((lut[code] as number) >>> 24).toBe(255);
  });

  for (const colormap of MAPS) {
    it(`of ${colormap} is perceptually one-way: lightness never turns back`, () => {
      const { lut } = makePalette({ colormap, scale: "linear", dark: true });
      const light = Array.from({ length: 255 }, (_, i) => luminance(rgb(lut[i + 1] as number)));
      const steps = light.slice(1).map((value, i) => value - (light[i] as number));
      expect(Math.min(...steps)).toBeGreaterThan(-0.004);
    });
  }

  it("sets the least weight apart from a dark page, where no cell is", () => {
    const page = luminance([0x11, 0x11, 0x11]);
    for (const colormap of MAPS) {
      const [, least = 0] = makePalette({ colormap, scale: "linear", dark: true }).lut;
      const [r, g, b] = rgb(least);
      const lighter = (luminance([r, g, b]) + 0.05) / (page + 0.05);
      expect(lighter > 1.3 || Math.max(r, g, b) - Math.min(r, g, b) > 60).toBe(true);
    }
  });

  it("begins and ends as its original", () => {
    const { lut } = makePalette({ colormap: "viridis", scale: "linear", dark: false });
    expect(rgb(lut[1] as number)).toEqual([0x44, 0x01, 0x54]);
    expect(rgb(lut[255] as number)).toEqual([0xfd, 0xe7, 0x25]);
  });

  it("writes with ink that can be read (WCAG 2.2, 4.5 : 1)", () => {
    for (const colormap of MAPS) {
      const palette = makePalette({ colormap, scale: "linear", dark: false });
      for (let code = 1; code < 256; code++) {
        const ground = luminance(rgb(palette.lut[code] as number));
        const ink = palette.ink(decode(code)) === "#fff" ? 1 : 0;
        const contrast = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
        expect(contrast).toBeGreaterThan(4.5);
      }
    }
  });

  it("has a legend whose numbers are where their colours are", () => {
    for (const scale of SCALES) {
      for (const signed of [false, true]) {
        const palette = makePalette({ colormap: "auto", scale, dark: false, signed, vmax: signed ? 2 : 1 });
        const values = palette.ticks.map((tick) => tick.value);
        expect(values).toEqual([...values].sort((a, b) => a - b));
        expect(values.at(-1)).toBe(palette.vmax);
        for (const tick of palette.ticks) expect(tick.at).toBeCloseTo(palette.at(tick.value), 10);
      }
    }
  });

  it("has a legend of round numbers that stand apart, whatever the largest value", () => {
    const labels = (scale: Scale, signed: boolean, vmax: number) =>
      makePalette({ colormap: "auto", scale, dark: false, signed, vmax }).ticks.map(({ label }) => label);
    expect(labels("linear", true, 3.9)).toEqual(["−3.9", "−2", "0", "2", "3.9"]);
    expect(labels("log", true, 3.9)).toEqual(["−3.9", "−0.05", "0", "0.05", "3.9"]);
    expect(labels("sqrt", false, 0.997)).toEqual(["0", "0.01", "0.1", "0.25", "0.5", "0.997"]);
    expect(labels("linear", false, 1)).toEqual(["0", "0.25", "0.5", "0.75", "1"]);
    expect(labels("linear", true, 12_345)).toEqual(["−1.2e4", "0", "1.2e4"]);
    for (const scale of SCALES) {
      for (const signed of [false, true]) {
        for (let vmax = 2e-7; vmax < 1e7; vmax *= 1.37) {
          const { ticks } = makePalette({ colormap: "auto", scale, dark: false, signed, vmax });
          const ends = ticks.map(({ at, label }) => [
            at - at * 0.03 * label.length,
            at + (1 - at) * 0.03 * label.length,
          ]);
          for (const [k, [start]] of ends.slice(1).entries())
            expect(start).toBeGreaterThan(ends[k]?.[1] ?? 1);
        }
      }
    }
  });

  it("stays whole for an array of zeros", () => {
    const { ticks, at } = makePalette({
      colormap: "auto",
      scale: "sqrt",
      dark: false,
      signed: true,
      vmax: 0,
    });
    expect([ticks.length, at(0)]).toEqual([5, 0.5]);
  });

  it("colours a tile by looking up", () => {
    const { lut } = makePalette({ colormap: "grey", scale: "sqrt", dark: false });
    const pixels = new Uint32Array(3);
    colour(new Uint8Array([0, 1, 255]), lut, pixels);
    expect([...pixels]).toEqual([lut[0], lut[1], lut[255]]);
  });
});
