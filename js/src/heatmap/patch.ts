// Exact weights under the pointer: float32 patches of 128 × 128 cells, fetched where the pointer goes.
//
// Hovering inside a patch that is there sends nothing. One patch is on its way at a time; of those wished
// for meanwhile only the last is fetched, so a hand that sweeps over the picture costs little.
import type { Wire } from "../wire";
import type { Picture } from "./cache";

/** Cells of a side of a patch. */
export const PATCH = 128;
const KEPT = 96; // patches of 64 KiB
const PATIENCE = 3000; // ms until a patch that failed is asked for again

interface Spot {
  readonly picture: Picture;
  readonly row: number; // of the patch's first cell
  readonly col: number;
}

export class PatchCache {
  readonly #wire: Wire;
  readonly #arrived: () => void;
  readonly #ends: AbortSignal;
  readonly #patches = new Map<string, Float32Array>(); // least recently used first
  readonly #failed = new Map<string, number>();
  #next: Spot | undefined;
  #asking: string | undefined;

  /** `arrived` is called after each patch that came. */
  constructor(wire: Wire, ends: AbortSignal, arrived: () => void) {
    this.#wire = wire;
    this.#ends = ends;
    this.#arrived = arrived;
  }

  /** The exact weight of a cell: NaN where there is none, undefined where it is not known yet. */
  value(picture: Picture, row: number, col: number): number | undefined {
    const { name, patch } = this.#find(picture, row, col);
    if (!patch) return undefined;
    this.#patches.delete(name);
    this.#patches.set(name, patch);
    return patch[(row % PATCH) * PATCH + (col % PATCH)];
  }

  /**
   * The cell of largest magnitude among those that a coarse picture shows as one: the block of
   * `size` × `size` cells (a power of two, at most PATCH) around (row, col).
   */
  strongest(picture: Picture, row: number, col: number, size: number): [number, number] | undefined {
    const { patch } = this.#find(picture, row, col);
    if (!patch) return undefined;
    const side = Math.min(size, PATCH);
    const top = Math.floor(row / side) * side;
    const left = Math.floor(col / side) * side;
    let best: [number, number] | undefined;
    let most = -1;
    for (let i = top; i < top + side; i++) {
      for (let j = left; j < left + side; j++) {
        const strength = Math.abs(patch[(i % PATCH) * PATCH + (j % PATCH)] as number);
        if (strength > most) {
          most = strength;
          best = [i, j];
        }
      }
    }
    return best;
  }

  /** Fetches the patch of a cell, if it is neither there nor on its way. */
  want(picture: Picture, row: number, col: number): void {
    const { name, patch } = this.#find(picture, row, col);
    if (patch || name === this.#asking) {
      this.#next = undefined;
      return;
    }
    if (Date.now() - (this.#failed.get(name) ?? 0) < PATIENCE) return;
    this.#next = { picture, row: start(row), col: start(col) };
    this.#ask();
  }

  /** Drops the wish that waits: the pointer has left. */
  rest(): void {
    this.#next = undefined;
  }

  #find(picture: Picture, row: number, col: number): { name: string; patch: Float32Array | undefined } {
    const name = `${picture}|${start(row)}|${start(col)}`;
    return { name, patch: this.#patches.get(name) };
  }

  #ask(): void {
    const spot = this.#next;
    if (!spot || this.#asking !== undefined || this.#ends.aborted) return;
    this.#next = undefined;
    const name = `${spot.picture}|${spot.row}|${spot.col}`;
    this.#asking = name;
    const [record, variant, layer, head] = spot.picture.split("|");
    const number = (part: string | undefined) => (Number.isNaN(Number(part)) ? part : Number(part));
    const body = { record, variant, layer: number(layer), head: number(head), row: spot.row, col: spot.col };
    this.#wire
      .request("patch", body, { signal: this.#ends, timeout: 20_000 })
      .then(({ buffers }) => {
        const bytes = buffers[0];
        if (bytes?.byteLength !== PATCH * PATCH * 4) throw new Error("a patch of an unknown size");
        this.#patches.set(name, new Float32Array(bytes.slice().buffer)); // slice: aligned, and our own
        this.#failed.delete(name);
        const oldest = this.#patches.keys().next().value;
        if (this.#patches.size > KEPT && oldest !== undefined) this.#patches.delete(oldest);
      })
      .catch(() => this.#failed.set(name, Date.now()))
      .finally(() => {
        this.#asking = undefined;
        if (this.#ends.aborted) return;
        this.#arrived();
        this.#ask();
      });
  }
}

const start = (cell: number): number => Math.floor(cell / PATCH) * PATCH;
