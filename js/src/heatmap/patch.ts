// Exact weights under the pointer: float32 patches of 64 × 64 cells, fetched where the pointer goes.
//
// Hovering inside a patch that is there sends nothing. One patch is on its way at a time; of those wished
// for meanwhile only the last is fetched, so a hand that sweeps over the picture costs little.
import type { Wire } from "../wire";
import { type Picture, placeOf } from "./cache";

/** Cells of a side of a patch. */
export const PATCH = 64;
const KEPT = 384; // patches of 16 KiB
const PATIENCE = 3000; // ms until a patch that failed is asked for again
const TIMEOUT = 20_000; // ms

export interface Patches {
  /** The exact weight of a cell: NaN where there is none, undefined where it is not known yet. */
  value: (picture: Picture, row: number, col: number) => number | undefined;
  /**
   * The cell of largest magnitude among those that a coarse picture shows as one: the block of
   * `size` × `size` cells (a power of two; at most PATCH count) around (row, col).
   */
  strongest: (picture: Picture, row: number, col: number, size: number) => [number, number] | undefined;
  /** Fetches the patch of a cell, if it is neither there nor on its way. */
  want: (picture: Picture, row: number, col: number) => void;
  /** Drops the wish that waits: the pointer has left. */
  rest: () => void;
}

/** `arrived` is called after each patch that came or failed. */
export function createPatches(wire: Wire, ends: AbortSignal, arrived: () => void): Patches {
  const patches = new Map<string, Float32Array>(); // least recently used first
  const failed = new Map<string, number>(); // when
  let asking = ""; // the name of the patch that is on its way
  let next = "";

  function find(picture: Picture, row: number, col: number): Float32Array | undefined {
    const name = nameOf(picture, row, col);
    const patch = patches.get(name);
    if (patch) {
      patches.delete(name);
      patches.set(name, patch);
    }
    return patch;
  }

  function ask(): void {
    if (!next || asking || ends.aborted) return;
    const name = next;
    asking = name;
    next = "";
    const [record, variant] = name.split("|");
    const [layer, head, row, col] = placeOf(name);
    wire
      .request("patch", { record, variant, layer, head, row, col }, { signal: ends, timeout: TIMEOUT })
      .then(({ buffers: [bytes] }) => {
        if (bytes?.length !== PATCH * PATCH * 4) throw new RangeError("not a patch");
        patches.set(name, new Float32Array(bytes.slice().buffer)); // slice: aligned, and our own
        const [oldest = ""] = patches.keys();
        if (patches.size > KEPT) patches.delete(oldest);
      })
      .catch(() => failed.set(name, Date.now()))
      .finally(() => {
        asking = "";
        if (ends.aborted) return;
        arrived();
        ask();
      });
  }

  return {
    value: (picture, row, col) => find(picture, row, col)?.[(row % PATCH) * PATCH + (col % PATCH)],
    strongest(picture, row, col, size) {
      const patch = find(picture, row, col);
      if (!patch) return;
      const side = Math.min(size, PATCH);
      const [top, left] = [row - (row % side), col - (col % side)];
      let best: [number, number] | undefined;
      let most = -1;
      for (let i = top; i < top + side; i++) {
        for (let j = left; j < left + side; j++) {
          const strength = Math.abs(patch[(i % PATCH) * PATCH + (j % PATCH)] as number);
          if (strength > most) [most, best] = [strength, [i, j]];
        }
      }
      return best;
    },
    want(picture, row, col) {
      const name = nameOf(picture, row, col);
      if (Date.now() - (failed.get(name) ?? 0) < PATIENCE) return;
      next = name === asking || patches.has(name) ? "" : name;
      ask();
    },
    rest() {
      next = "";
    },
  };
}

/** Of the patch that holds a cell: its picture, and its first row and column. */
const nameOf = (picture: Picture, row: number, col: number): string =>
  `${picture}|${row - (row % PATCH)}|${col - (col % PATCH)}`;
