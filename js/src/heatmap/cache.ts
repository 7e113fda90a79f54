// The tiles of heads that the browser has: asked for together, kept while there is room.
//
// A view says in every frame which tiles it wants. What is not there is asked for in one request; what no
// view wants any more is cancelled. The thumbnails and the opening picture, which come without asking,
// are tiles like others. A tile from sampled rows is shown until the exact one has come.
import { effect, type ReadonlySignal, signal } from "@preact/signals-core";
import type { HeatTraits } from "../model";
import type { Answer, Wire, WireError } from "../wire";
import { cut, grown, type Kept, keep, type Tile, weigh } from "./tile";
import { cellsAt, TILE, type TileSpot } from "./viewport";

/** Which head, in which variant: "record|variant|layer|head", the beginning of a tile's name. */
export type Picture = string;

export interface TileCache {
  /** Goes up whenever tiles have come. */
  readonly version: ReadonlySignal<number>;
  /** Why the last request failed; null once one has succeeded. */
  readonly trouble: ReadonlySignal<WireError | null>;
  /** A tile if it is there; a look keeps it longer. */
  get: (picture: Picture, spot: TileSpot) => Tile | undefined;
  /** The largest magnitude of a picture whose codes are signed, as its tiles said; undefined before they came. */
  vmax: (picture: Picture) => number | undefined;
  /** Keeps a tile. An exact one is never replaced by a sampled one. */
  put: (picture: Picture, spot: TileSpot, tile: Tile) => void;
  /** Rows `from` … `length` of a growing text: a picture's own are here; of others what they touch is stale. */
  grow: (picture: Picture, from: number, length: number, rows: Float32Array) => void;
  /** The tiles that a view shows now: what is missing is asked for, what no view shows any more is not. */
  want: (view: object, picture: Picture, spots: readonly TileSpot[]) => void;
  /** A view that has gone wants nothing. */
  release: (view: object) => void;
  /** How many of the tiles that a view wants have not come, or not exactly. */
  missing: (view: object) => number;
  /** The bytes of all tiles that are kept, with their pixels. */
  size: () => number;
}

interface Batch {
  readonly controller: AbortController;
  readonly open: Set<string>;
}

const LIMIT = 96 * 2 ** 20; // bytes
const PATIENCE = 2000; // ms until a tile that failed is asked for again; each time twice as long
const ATTEMPTS = 4;

/** One for each model, beside its wire; `limit` is in bytes. */
export function createCache(wire: Wire, traits: HeatTraits, ends: AbortSignal, limit = LIMIT): TileCache {
  const version = signal(0);
  const trouble = signal<WireError | null>(null);
  const largest = new Map<Picture, number>();
  const tiles = new Map<string, Kept>(); // least recently used first
  const wishes = new Map<object, readonly string[]>(); // of each view
  const batches = new Set<Batch>();
  const failed = new Map<string, { times: number; until: number }>();
  let size = 0;
  let asking = false;

  const wanted = () => new Set([...wishes.values()].flat());

  const changed = () => {
    version.value = version.peek() + 1;
  };

  function get(picture: Picture, spot: TileSpot): Tile | undefined {
    const name = nameOf(picture, spot);
    const tile = tiles.get(name) ?? thumbnail(picture, spot);
    if (tile) {
      tiles.delete(name);
      tiles.set(name, tile);
    }
    return tile;
  }

  function put(name: string, tile: Tile): void {
    const old = tiles.get(name);
    if (old?.exact && !tile.exact) return;
    size += weigh(tile) - (old ? weigh(old) : 0);
    tiles.delete(name);
    tiles.set(name, keep(tile, old));
    if (size <= limit) return;
    const needed = wanted();
    for (const [other, { rows, cols }] of tiles) {
      if (size <= limit) return;
      if (needed.has(other)) continue;
      tiles.delete(other);
      size -= weigh({ rows, cols });
    }
  }

  function want(view: object, picture: Picture, spots: readonly TileSpot[]): void {
    wishes.set(
      view,
      spots.map((spot) => nameOf(picture, spot)),
    );
    drop();
    askSoon();
  }

  /** Cancels requests most of whose open tiles nobody wants; what is still wanted is asked for anew. */
  function drop(): void {
    const needed = wanted();
    for (const batch of batches) {
      const still = [...batch.open].filter((name) => needed.has(name)).length;
      if (batch.open.size === 0 || still * 2 > batch.open.size) continue;
      batches.delete(batch);
      batch.controller.abort();
    }
  }

  /** At the end of the task: a frame's wishes, of all views, in one request. */
  function askSoon(): void {
    if (asking) return;
    asking = true;
    queueMicrotask(() => {
      asking = false;
      if (!ends.aborted) ask();
    });
  }

  function ask(): void {
    const asked = new Set([...batches].flatMap(({ open }) => [...open]));
    const groups = new Map<string, string[]>(); // by record and variant
    for (const name of wanted()) {
      const late = Date.now() < (failed.get(name)?.until ?? 0);
      if (late || asked.has(name) || tiles.get(name)?.exact) continue;
      const group = name.split("|", 2).join("|");
      groups.set(group, [...(groups.get(group) ?? []), name]);
    }
    for (const [group, names] of groups) request(group, names);
  }

  function request(group: string, names: readonly string[]): void {
    const [record, variant] = group.split("|");
    const batch: Batch = { controller: new AbortController(), open: new Set(names) };
    const { signal: stop } = batch.controller;
    const onPart = (answer: Answer) => take(group, batch, answer);
    batches.add(batch);
    wire
      .request("tiles", { record, variant, tiles: names.map(placeOf) }, { signal: stop, onPart })
      .then((answer) => {
        onPart(answer);
        trouble.value = null;
      })
      .catch((error: WireError) => {
        if (!stop.aborted) trouble.value = error;
      })
      .finally(() => {
        batches.delete(batch);
        if (!(stop.aborted || ends.aborted)) for (const name of batch.open) fail(name);
        changed();
      });
  }

  /** What was promised and did not come is asked for again, but not at once and not for ever. */
  function fail(name: string): void {
    const times = (failed.get(name)?.times ?? 0) + 1;
    const wait = times < ATTEMPTS ? PATIENCE * 2 ** (times - 1) : Infinity;
    failed.set(name, { times, until: Date.now() + wait });
    if (times < ATTEMPTS) setTimeout(askSoon, wait + 1);
  }

  /** Takes the tiles of a reply: one buffer, one tile after the other. */
  function take(group: string, { open }: Batch, { content, buffers: [buffer] }: Answer): void {
    let start = 0;
    for (const entry of (content["tiles"] ?? []) as number[][]) {
      const [rows = 0, cols = 0, exact = 1, vmax] = entry.slice(5);
      const name = `${group}|${entry.slice(0, 5).join("|")}`;
      const codes = buffer?.slice(start, start + rows * cols) ?? new Uint8Array(); // the message's memory can go
      start += rows * cols;
      const [level, row] = entry.slice(2) as [number, number];
      if (vmax !== undefined) largest.set(`${group}|${entry.slice(0, 2).join("|")}`, vmax);
      const { following } = traits.info.peek();
      const length = traits.length.peek();
      const short = following && rows < Math.min(TILE, cellsAt(level, length) - row * TILE); // it has grown since
      put(name, { rows, cols, codes, exact: Boolean(exact) && !short });
      failed.delete(name);
      if (exact) open.delete(name);
    }
    if (start > 0) changed();
  }

  /** The chosen head as it came with the traits, cut into tiles. */
  function opening(codes: Uint8Array | null, name: string): void {
    const [record, variant, layer, head, levelName, exact] = name.split("|");
    const level = Number(levelName);
    const side = cellsAt(level, traits.length.peek());
    if (codes?.length !== side * side) return;
    for (let row = 0; row * TILE < side; row++) {
      for (let col = 0; col * TILE < side; col++) {
        const tile = { ...cut(codes, side, row, col), exact: exact !== "0" };
        put(nameOf(`${record}|${variant}|${layer}|${head}`, { level, row, col }), tile);
      }
    }
    changed();
  }

  /** A head's thumbnail, if it came with the traits and is of this level. */
  function thumbnail(picture: Picture, spot: TileSpot): Kept | undefined {
    const { layers = [], n_heads: heads = 0 } = traits.info.peek();
    const [length, level] = [traits.length.peek(), traits.firstLevel.peek()];
    const first = traits.first.peek();
    const [record, variant, exact] = traits.firstName.peek().split("|");
    if (first?.length !== layers.length * heads * cellsAt(level, length) ** 2) return undefined; // of fewer tokens
    const named = picture.startsWith(`${record}|${variant}|`);
    if (!(first && named) || spot.level !== level || spot.row + spot.col > 0) return undefined;
    const [layer, head] = placeOf(picture) as number[];
    const place = layers.indexOf(layer as number) * heads + (head as number);
    const side = cellsAt(level, length);
    const codes = first.slice(place * side * side, (place + 1) * side * side);
    if (!(place >= 0 && codes.length === side * side)) return undefined;
    const name = nameOf(picture, spot);
    put(name, { rows: side, cols: side, codes, exact: exact !== "0" });
    return tiles.get(name);
  }

  function grow(picture: Picture, from: number, length: number, rows: Float32Array): void {
    const record = picture.split("|", 1)[0];
    for (const [name, old] of tiles) {
      const [level = 0, row = 0] = placeOf(name).slice(2) as number[];
      if (!name.startsWith(`${record}|`) || (row + 1) * TILE * 2 ** level <= from) continue;
      const mine = rows.length > 0 && name.startsWith(`${picture}|`);
      const spot = { level, row, col: placeOf(name)[4] as number };
      const tile = mine ? grown(old, spot, from, length, rows) : { ...old, exact: false };
      tiles.set(name, keep(tile, old)); // in its place: nobody has looked
      size += weigh(tile) - weigh(old);
    }
    changed();
  }

  const stop = effect(() => opening(traits.opening.value, traits.openingName.value));
  ends.addEventListener("abort", () => {
    stop();
    tiles.clear();
  });

  return {
    version,
    trouble,
    get,
    vmax: (picture) => largest.get(picture),
    put: (picture, spot, tile) => put(nameOf(picture, spot), tile),
    grow,
    want,
    release(view) {
      wishes.delete(view);
      drop();
    },
    missing: (view) => (wishes.get(view) ?? []).filter((name) => !tiles.get(name)?.exact).length,
    size: () => size,
  };
}

const nameOf = (picture: Picture, { level, row, col }: TileSpot): string =>
  `${picture}|${level}|${row}|${col}`;

/** What stands in a name behind record and variant; "mean" and "max" stay words. */
export const placeOf = (name: string): (number | string)[] =>
  name
    .split("|")
    .slice(2)
    .map((part) => (Number.isNaN(Number(part)) ? part : Number(part)));
