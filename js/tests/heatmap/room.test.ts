import { describe, expect, it } from "vitest";
import { roomOf } from "../../src/heatmap/room";

const size = (width: number) => ({ width, height: 560, type: 11 });
const layers = (count: number) => [...new Array(count).keys()];

describe("the overview's room", () => {
  it("is what few cells need, and not more", () => {
    const { wide, deep } = roomOf(layers(2), 2, false, size(700));
    expect(wide).toBeLessThan(320);
    expect(deep).toBeLessThan(380);
    expect(deep).toBeGreaterThan(2 * 130);
  });

  it("is beside the head in a narrow widget where few cells leave enough of it", () => {
    const beside = (count: number, heads: number, width: number) =>
      roomOf(layers(count), heads, false, size(width)).beside;
    expect(beside(2, 2, 840)).toBe(true);
    expect(beside(2, 2, 700)).toBe(false);
    expect(beside(30, 9, 890)).toBe(false);
    expect(beside(0, 0, 890)).toBe(false);
  });

  it("is three quarters of the head's height at the most, and before the cells are known", () => {
    const { deep } = roomOf(layers(30), 9, false, size(800));
    expect(deep).toBeGreaterThan(390);
    expect(deep).toBeLessThanOrEqual(420);
    expect(roomOf(layers(200), 9, false, size(800)).deep).toBe(420);
    expect(roomOf([], 0, false, size(800)).deep).toBe(420);
  });
});
