import { signal } from "@preact/signals-core";
import { describe, expect, it } from "vitest";
import { changeOf, differenceAt, shades, tintOf } from "../../src/playground/tint";

const told = (values: number[], leaf = "n1") =>
  ({
    difference: signal(new Uint8Array(Float32Array.from(values).buffer)),
    differenceOf: signal({ leaf }),
  }) as never;

describe("what a change does to a token", () => {
  it("is read for the text that it is of, and for no other", () => {
    const traits = told([Number.NaN, -1.5, 2]);
    expect(differenceAt(traits, "n1", 0)).toBeNaN();
    expect(differenceAt(traits, "n1", 1)).toBe(-1.5);
    expect(differenceAt(traits, "n1", 2)).toBe(2);
    expect(differenceAt(traits, "n1", 3)).toBeNaN();
    expect(differenceAt(traits, "n2", 1)).toBeNaN();
  });

  it("is as strong one way as the other, on a scale that does not move", () => {
    expect([-9, -4, -1, 0, 1, 4].map(changeOf)).toEqual([-1, -1, -0.5, 0, 0.5, 1]);
  });

  it("has two colours that are told apart, in both themes", () => {
    for (const dark of [false, true]) {
      const [less, more] = [shades(dark), shades(dark, true)].map((all) => tintOf(all, 1).ground);
      expect(less).not.toBe(more);
      const [red, , blue] = (less?.match(/\d+/gu) ?? []).map(Number) as [number, number, number];
      const [red2, , blue2] = (more?.match(/\d+/gu) ?? []).map(Number) as [number, number, number];
      expect(red).toBeGreaterThan(blue);
      expect(blue2).toBeGreaterThan(red2);
    }
  });
});
