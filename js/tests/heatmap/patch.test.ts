import { describe, expect, it, vi } from "vitest";
import { createPatches, PATCH } from "../../src/heatmap/patch";
import { bench, settled } from "../fake";

const PICTURE = "r|no_sink|3|mean";

function make() {
  const parts = bench();
  const arrived = vi.fn();
  return { ...parts, arrived, patches: createPatches(parts.wire, parts.ends.signal, arrived) };
}

/** A patch as the kernel sends it, somewhere in a larger memory. */
function patch(values: Record<number, number>): DataView {
  const memory = new Uint8Array(PATCH * PATCH * 4 + 3);
  const floats = new Float32Array(PATCH * PATCH).fill(Number.NaN);
  for (const [at, value] of Object.entries(values)) floats[Number(at)] = value;
  memory.set(new Uint8Array(floats.buffer), 3);
  return new DataView(memory.buffer, 3);
}

describe("a patch", () => {
  it("is asked for by its first cell, and then known without asking", async () => {
    const { model, patches, arrived } = make();
    expect(patches.value(PICTURE, 130, 260)).toBeUndefined();
    patches.want(PICTURE, 130, 260);
    expect(model.sent[0]).toMatchObject({
      kind: "patch",
      record: "r",
      variant: "no_sink",
      layer: 3,
      head: "mean",
      row: 128,
      col: 256,
    });
    model.reply(model.sent[0].id, {}, [patch({ [2 * PATCH + 4]: 0.25 })]);
    await settled();
    expect(arrived).toHaveBeenCalledTimes(1);
    expect(patches.value(PICTURE, 130, 260)).toBe(0.25);
    expect(patches.value(PICTURE, 131, 260)).toBeNaN();
    for (let i = 0; i < 50; i++) patches.want(PICTURE, 128 + i, 300);
    expect(model.sent).toHaveLength(1);
  });

  it("is fetched one at a time, and of those wished for meanwhile the last", async () => {
    const { model, patches } = make();
    for (const row of [0, 200, 400, 600, 800]) patches.want(PICTURE, row, 0);
    expect(model.sent.map(({ row }) => row)).toEqual([0]);
    model.reply(model.sent[0].id, {}, [patch({})]);
    await settled();
    expect(model.sent.map(({ row }) => row)).toEqual([0, 768]);
  });

  it("that waits is dropped when the pointer rests or returns", async () => {
    const { model, patches } = make();
    patches.want(PICTURE, 0, 0);
    patches.want(PICTURE, 500, 0);
    patches.rest();
    model.reply(model.sent[0].id, {}, [patch({})]);
    await settled();
    expect(model.sent).toHaveLength(1);
  });

  it("that failed is not asked for in every frame", async () => {
    const { model, patches } = make();
    patches.want(PICTURE, 0, 0);
    model.reply(model.sent[0].id, { ok: false, error: { type: "Error", message: "no" } });
    await settled();
    patches.want(PICTURE, 0, 0);
    expect(model.sent).toHaveLength(1);
  });

  it("of a wrong size is refused", async () => {
    const { model, patches } = make();
    patches.want(PICTURE, 0, 0);
    model.reply(model.sent[0].id, {}, [new DataView(new ArrayBuffer(16))]);
    await settled();
    expect(patches.value(PICTURE, 0, 0)).toBeUndefined();
  });

  it("finds the strongest of the cells that a coarse picture shows as one", async () => {
    const { model, patches } = make();
    expect(patches.strongest(PICTURE, 9, 9, 8)).toBeUndefined();
    patches.want(PICTURE, 9, 9);
    const values = { [10 * PATCH + 13]: 0.2, [12 * PATCH + 8]: -0.6, [12 * PATCH + 16]: 0.9 };
    model.reply(model.sent[0].id, {}, [patch(values)]);
    await settled();
    expect(patches.strongest(PICTURE, 9, 9, 8)).toEqual([12, 8]);
    expect(patches.strongest(PICTURE, 100, 100, 8)).toBeUndefined();
  });
});
