// The tiles of heads that the browser has: asked for together, kept while there is room, coloured here.
//
// A view says in every frame which tiles it wants. What is not there is asked for in one request; what no
// view wants any more is cancelled. The thumbnails and the opening picture, which come without asking,
// are tiles like others. A tile from sampled rows is shown until the exact one has come.
import { effect, type ReadonlySignal, signal } from "@preact/signals-core";
import type { HeatTraits } from "../model";
import type { Answer, Wire, WireError } from "../wire";
import { cut, type Kept, keep, type Tile, weigh } from "./tile";
import { cellsAt, TILE, type TileSpot } from "./viewport";

/** Which head, in which variant: "record|variant|layer|head", the beginning of a tile's name. */
export type Picture = string;

interface Batch {
  readonly controller: AbortController;
  readonly open: Set<string>;
}

const LIMIT = 96 * 2 ** 20; // bytes of codes and pixels
const PATIENCE = 2000; // ms until a tile that failed is asked for again; each time twice as long
const ATTEMPTS = 4;

export class TileCache {
  /** Goes up whenever tiles have come. */
  readonly version: ReadonlySignal<number>;
  /** Why the last request failed; null once one has succeeded. */
  readonly trouble: ReadonlySignal<WireError | null>;

  readonly #wire: Wire;
  readonly #traits: HeatTraits;
  readonly #limit: number;
  readonly #version = signal(0);
  readonly #trouble = signal<WireError | null>(null);
  readonly #tiles = new Map<string, Kept>(); // least recently used first
  readonly #wanted = new Map<object, ReadonlySet<string>>(); // by each view
  readonly #batches = new Set<Batch>();
  readonly #failed = new Map<string, { times: number; until: number }>();
  #size = 0;
  #asking = false;
  readonly #ends: AbortSignal;

  /** One for each model, beside its wire; `limit` is in bytes. */
  constructor(wire: Wire, traits: HeatTraits, ends: AbortSignal, limit = LIMIT) {
    this.#wire = wire;
    this.#traits = traits;
    this.#limit = limit;
    this.#ends = ends;
    this.version = this.#version;
    this.trouble = this.#trouble;
    const stop = effect(() => this.#takeOpening(traits.opening.value, traits.openingName.value));
    ends.addEventListener(
      "abort",
      () => {
        stop();
        for (const batch of this.#batches) batch.controller.abort();
        this.#tiles.clear();
      },
      { once: true },
    );
  }

  /** The bytes of all tiles that are kept. */
  get size(): number {
    return this.#size;
  }

  /** A tile if it is there; a look keeps it longer. */
  get(picture: Picture, { level, row, col }: TileSpot): Tile | undefined {
    const name = `${picture}|${level}|${row}|${col}`;
    const tile = this.#tiles.get(name);
    if (!tile) return row === 0 && col === 0 ? this.#takeThumbnail(picture, level) : undefined;
    this.#tiles.delete(name);
    this.#tiles.set(name, tile);
    return tile;
  }

  /** The tiles that a view shows now: what is missing is asked for, what it no longer shows is not. */
  want(view: object, picture: Picture, spots: readonly TileSpot[]): void {
    this.#wanted.set(view, new Set(spots.map(({ level, row, col }) => `${picture}|${level}|${row}|${col}`)));
    this.#drop();
    this.#askSoon();
  }

  /** A view that has gone wants nothing. */
  release(view: object): void {
    this.#wanted.delete(view);
    this.#drop();
  }

  /** How many of the tiles that a view wants have not come, or not exactly. */
  missing(view: object): number {
    let count = 0;
    for (const name of this.#wanted.get(view) ?? []) if (!this.#tiles.get(name)?.exact) count++;
    return count;
  }

  /** Keeps a tile. An exact one is never replaced by a sampled one. */
  put(name: string, tile: Tile): void {
    const old = this.#tiles.get(name);
    if (old?.exact && !tile.exact) return;
    if (old) this.#size -= weigh(old);
    this.#tiles.delete(name);
    this.#tiles.set(name, keep(tile, old));
    this.#size += weigh(tile);
    this.#shrink();
  }

  #changed(): void {
    this.#version.value = this.#version.peek() + 1;
  }

  /** Asks for what is wanted at the end of the task: a frame's wishes, of all views, in one request. */
  #askSoon(): void {
    if (this.#asking) return;
    this.#asking = true;
    queueMicrotask(() => {
      this.#asking = false;
      if (!this.#ends.aborted) this.#ask();
    });
  }

  #ask(): void {
    const asked = new Set([...this.#batches].flatMap((batch) => [...batch.open]));
    const now = Date.now();
    const groups = new Map<string, string[]>(); // by record and variant
    for (const names of this.#wanted.values()) {
      for (const name of names) {
        if (asked.has(name) || this.#tiles.get(name)?.exact) continue;
        if (now < (this.#failed.get(name)?.until ?? 0)) continue;
        asked.add(name);
        const group = name.split("|", 2).join("|");
        groups.set(group, [...(groups.get(group) ?? []), name]);
      }
    }
    for (const [group, names] of groups) this.#request(group, names);
  }

  #request(group: string, names: readonly string[]): void {
    const [record, variant] = group.split("|") as [string, string];
    const batch: Batch = { controller: new AbortController(), open: new Set(names) };
    this.#batches.add(batch);
    const onPart = (answer: Answer) => this.#take(group, batch, answer);
    const tiles = names.map((name) => name.split("|").slice(2).map(numberOr));
    this.#wire
      .request("tiles", { record, variant, tiles }, { signal: batch.controller.signal, onPart })
      .then((answer) => {
        onPart(answer);
        this.#trouble.value = null;
      })
      .catch((error: unknown) => {
        if (batch.controller.signal.aborted || this.#ends.aborted) return;
        this.#trouble.value = error as WireError;
      })
      .finally(() => {
        this.#batches.delete(batch);
        if (!batch.controller.signal.aborted) this.#fail(batch.open);
        this.#changed();
      });
  }

  /** What was promised and did not come is asked for again, but not at once and not for ever. */
  #fail(names: ReadonlySet<string>): void {
    for (const name of names) {
      const times = (this.#failed.get(name)?.times ?? 0) + 1;
      const wait = times < ATTEMPTS ? PATIENCE * 2 ** (times - 1) : Infinity;
      this.#failed.set(name, { times, until: Date.now() + wait });
      if (wait < Infinity) setTimeout(() => this.#askSoon(), wait + 1);
    }
  }

  /** Forgets what failed; for a person who asks to try again. */
  retry(): void {
    this.#failed.clear();
    this.#trouble.value = null;
    this.#askSoon();
  }

  /** Takes the tiles of a reply: one buffer, one tile after the other. */
  #take(group: string, batch: Batch, { content, buffers }: Answer): void {
    const entries = (content["tiles"] ?? []) as [number | string, number | string, ...number[]][];
    let bytes = buffers[0];
    if (!(entries.length && bytes)) return;
    for (const [layer, head, level, row, col, rows = 0, cols = 0, exact = 1] of entries) {
      const name = `${group}|${layer}|${head}|${level}|${row}|${col}`;
      const codes = bytes.slice(0, rows * cols); // a copy: the message's memory can go
      bytes = bytes.subarray(rows * cols);
      this.put(name, { rows, cols, codes, exact: Boolean(exact) });
      this.#failed.delete(name);
      if (exact) batch.open.delete(name);
    }
    this.#changed();
  }

  /** Cancels requests most of whose open tiles nobody wants; what is still wanted is asked for anew. */
  #drop(): void {
    const wanted = new Set([...this.#wanted.values()].flatMap((names) => [...names]));
    for (const batch of this.#batches) {
      const still = [...batch.open].filter((name) => wanted.has(name)).length;
      if (batch.open.size === 0 || still * 2 > batch.open.size) continue;
      this.#batches.delete(batch);
      batch.controller.abort();
    }
  }

  #shrink(): void {
    if (this.#size <= this.#limit) return;
    const wanted = new Set([...this.#wanted.values()].flatMap((names) => [...names]));
    for (const [name, tile] of this.#tiles) {
      if (this.#size <= this.#limit) return;
      if (wanted.has(name)) continue;
      this.#tiles.delete(name);
      this.#size -= weigh(tile);
    }
  }

  /** The chosen head as it came with the traits, cut into tiles. */
  #takeOpening(codes: Uint8Array | null, name: string): void {
    const { length = 0 } = this.#traits.info.peek();
    const parts = name.split("|");
    const level = Number(parts[4]);
    const side = cellsAt(level, length);
    if (!codes || parts.length < 5 || codes.length !== side * side || side === 0) return;
    const picture = parts.slice(0, 4).join("|");
    for (let row = 0; row * TILE < side; row++) {
      for (let col = 0; col * TILE < side; col++) {
        const tile = cut(codes, side, row, col);
        this.put(`${picture}|${level}|${row}|${col}`, { ...tile, exact: parts[5] !== "0" });
      }
    }
    this.#changed();
  }

  /** A head's thumbnail, if it came with the traits and is of this level. */
  #takeThumbnail(picture: Picture, level: number): Tile | undefined {
    const { info, first, firstName } = this.#traits;
    const { length = 0, layers = [], n_heads: heads = 0, thumb_level: coarse = 0 } = info.peek();
    const codes = first.peek();
    if (!codes || level !== coarse || !picture.startsWith(`${firstName.peek()}|`)) return undefined;
    const [layer, head] = picture.split("|").slice(2).map(numberOr);
    const place = layers.indexOf(layer as number) * heads + (head as number);
    const side = cellsAt(level, length);
    const start = place * side * side;
    if (!(place >= 0 && start + side * side <= codes.length)) return undefined;
    const exact = length <= SAMPLED_ABOVE;
    const name = `${picture}|${level}|0|0`;
    this.put(name, { rows: side, cols: side, codes: codes.slice(start, start + side * side), exact });
    return this.#tiles.get(name);
  }
}

/** Longer texts are first seen through some of their query rows. */
const SAMPLED_ABOVE = 1024;

/** "mean" and "max" stay words. */
const numberOr = (part: string): number | string => (Number.isNaN(Number(part)) ? part : Number(part));
