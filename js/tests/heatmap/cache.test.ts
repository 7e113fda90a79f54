import { describe, expect, it, vi } from "vitest";
import { createCache, type TileCache } from "../../src/heatmap/cache";
import type { TileSpot } from "../../src/heatmap/viewport";
import { type Bench, bench, settled } from "../fake";

const PICTURE = "r|plain|3|5";
const spot = (level: number, row = 0, col = 0): TileSpot => ({ level, row, col });

function make(limit?: number, traits: Record<string, unknown> = {}): Bench & { cache: TileCache } {
  const info = { record: "r", length: 2000, layers: [0, 3], n_heads: 6, first_level: 6 };
  const parts = bench({ info, ...traits });
  return { ...parts, cache: createCache(parts.wire, parts.traits, parts.ends.signal, limit) };
}

/** Tiles of 2 × 2 cells whose codes are all `code`. */
function tiles(spots: readonly TileSpot[], code = 7, exact = 1) {
  const fields = { tiles: spots.map(({ level, row, col }) => [3, 5, level, row, col, 2, 2, exact]) };
  return [fields, [new Uint8Array(spots.length * 4).fill(code)]] as const;
}

const requests = ({ model }: Bench) => model.sent.filter(({ type }) => type === "request");
const cancels = ({ model }: Bench) => model.sent.filter(({ type }) => type === "cancel");

describe("tiles that a view wants", () => {
  it("are asked for in one request", async () => {
    const parts = make();
    parts.cache.want({}, PICTURE, [spot(0), spot(0, 1), spot(0, 1, 1)]);
    await settled();
    expect(requests(parts)).toHaveLength(1);
    expect(requests(parts)[0]).toMatchObject({
      kind: "tiles",
      record: "r",
      variant: "plain",
      tiles: [
        [3, 5, 0, 0, 0],
        [3, 5, 0, 1, 0],
        [3, 5, 0, 1, 1],
      ],
    });
  });

  it("of several views and frames are asked for once", async () => {
    const parts = make();
    const [one, two] = [{}, {}];
    parts.cache.want(one, PICTURE, [spot(0)]);
    parts.cache.want(two, PICTURE, [spot(0), spot(1)]);
    await settled();
    parts.cache.want(one, PICTURE, [spot(0)]);
    await settled();
    expect(requests(parts).flatMap((request) => request.tiles)).toEqual([
      [3, 5, 0, 0, 0],
      [3, 5, 1, 0, 0],
    ]);
  });

  it("keep the words mean and max", async () => {
    const parts = make();
    parts.cache.want({}, "r|no_sink|mean|max", [spot(2)]);
    await settled();
    expect(requests(parts)[0]).toMatchObject({ variant: "no_sink", tiles: [["mean", "max", 2, 0, 0]] });
  });

  it("are there once they have come, in parts and with the last reply, and counted as missing before", async () => {
    const parts = make();
    const { cache, model } = parts;
    const view = {};
    cache.want(view, PICTURE, [spot(0), spot(0, 1)]);
    await settled();
    expect(cache.missing(view)).toBe(2);
    const { id } = requests(parts)[0];
    const before = cache.version.value;
    const [fields, buffers] = tiles([spot(0)], 9);
    model.reply(id, { ...fields, done: false }, [...buffers]);
    expect(cache.version.value).toBeGreaterThan(before);
    expect(cache.missing(view)).toBe(1);
    const [rest, memory] = tiles([spot(0, 1)], 8);
    model.reply(id, rest, [...memory]);
    await settled();
    expect(cache.missing(view)).toBe(0);
    expect([...(cache.get(PICTURE, spot(0))?.codes ?? [])]).toEqual([9, 9, 9, 9]);
    expect([...(cache.get(PICTURE, spot(0, 1))?.codes ?? [])]).toEqual([8, 8, 8, 8]);
    cache.want(view, PICTURE, [spot(0), spot(0, 1)]);
    await settled();
    expect(requests(parts)).toHaveLength(1);
  });

  it("are cut out of a view into a larger memory, and outlive it", async () => {
    const parts = make();
    parts.cache.want({}, PICTURE, [spot(0), spot(1)]);
    await settled();
    const memory = new Uint8Array([99, 1, 1, 1, 1, 2, 2, 2, 2, 99]);
    const [fields] = tiles([spot(0), spot(1)]);
    parts.model.reply(requests(parts)[0].id, fields, [new DataView(memory.buffer, 1, 8)]);
    await settled();
    memory.fill(50);
    expect([...(parts.cache.get(PICTURE, spot(1))?.codes ?? [])]).toEqual([2, 2, 2, 2]);
  });

  it("that left the view are cancelled, and asked for again when it comes back", async () => {
    const parts = make();
    const view = {};
    parts.cache.want(view, PICTURE, [spot(0), spot(0, 1)]);
    await settled();
    parts.cache.want(view, PICTURE, [spot(1)]);
    await settled();
    expect(cancels(parts)).toEqual([{ type: "cancel", id: requests(parts)[0].id }]);
    parts.cache.want(view, PICTURE, [spot(0)]);
    await settled();
    expect(requests(parts).at(-1).tiles).toEqual([[3, 5, 0, 0, 0]]);
  });

  it("stay asked for while another view shows them", async () => {
    const parts = make();
    const [one, two] = [{}, {}];
    parts.cache.want(one, PICTURE, [spot(0)]);
    parts.cache.want(two, PICTURE, [spot(0)]);
    await settled();
    parts.cache.release(one);
    expect(cancels(parts)).toHaveLength(0);
    parts.cache.release(two);
    expect(cancels(parts)).toHaveLength(1);
  });

  it("are not cancelled for the few of them that left", async () => {
    const parts = make();
    const view = {};
    parts.cache.want(view, PICTURE, [spot(0), spot(0, 1), spot(0, 1, 1)]);
    await settled();
    parts.cache.want(view, PICTURE, [spot(0, 1), spot(0, 1, 1)]);
    await settled();
    expect(cancels(parts)).toHaveLength(0);
    expect(requests(parts)).toHaveLength(1);
  });

  it("that failed are asked for again, later and not for ever", async () => {
    vi.useFakeTimers();
    const parts = make();
    parts.cache.want({}, PICTURE, [spot(0)]);
    for (let i = 0; i < 8; i++) {
      await vi.advanceTimersByTimeAsync(60_000);
      const { id } = requests(parts).at(-1);
      parts.model.reply(id, { ok: false, error: { type: "OutOfMemory", message: "no room" } });
    }
    await vi.advanceTimersByTimeAsync(60_000);
    expect(requests(parts)).toHaveLength(4);
    expect(parts.cache.trouble.value?.message).toBe("no room");
    vi.useRealTimers();
  });
});

describe("a sampled tile", () => {
  it("is shown, and replaced when the exact one comes, never the other way", async () => {
    const parts = make();
    const { cache, model } = parts;
    const view = {};
    cache.want(view, PICTURE, [spot(4)]);
    await settled();
    const { id } = requests(parts)[0];
    const [sampled, memory] = tiles([spot(4)], 3, 0);
    model.reply(id, { ...sampled, done: false }, [...memory]);
    expect(cache.get(PICTURE, spot(4))).toMatchObject({ exact: false });
    expect(cache.missing(view)).toBe(1);
    const [exact, bytes] = tiles([spot(4)], 4);
    model.reply(id, exact, [...bytes]);
    await settled();
    expect(cache.missing(view)).toBe(0);
    cache.put(PICTURE, spot(4, 0, 0), { rows: 2, cols: 2, codes: new Uint8Array(4), exact: false });
    expect([...(cache.get(PICTURE, spot(4))?.codes ?? [])]).toEqual([4, 4, 4, 4]);
  });
});

describe("the room", () => {
  const tile = () => ({ rows: 10, cols: 10, codes: new Uint8Array(100), exact: true }); // 500 bytes with its pixels

  it("goes to what was looked at last", () => {
    const { cache } = make(1600);
    for (const col of [0, 1, 2]) cache.put(PICTURE, spot(0, 9, col), tile());
    cache.get(PICTURE, spot(0, 9, 0));
    cache.put(PICTURE, spot(0, 9, 3), tile());
    expect([0, 1, 2, 3].map((col) => Boolean(cache.get(PICTURE, spot(0, 9, col))))).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect(cache.size()).toBe(1500);
  });

  it("is never taken from what is in view", () => {
    const { cache } = make(900);
    const seen = [0, 1, 2].map((col) => spot(0, 9, col));
    cache.want({}, PICTURE, seen);
    for (const { col } of seen) cache.put(PICTURE, spot(0, 9, col), tile());
    expect(seen.every((at) => cache.get(PICTURE, at))).toBe(true);
  });

  it("counts a tile that comes twice once", () => {
    const { cache } = make();
    cache.put(PICTURE, spot(0, 9, 0), { ...tile(), exact: false });
    cache.put(PICTURE, spot(0, 9, 0), tile());
    expect(cache.size()).toBe(500);
  });
});

describe("what came with the traits", () => {
  it("is there without a request: the opening, cut into tiles", async () => {
    const side = 500; // 2,000 tokens at level 2
    const opening = new Uint8Array(side * side).map((_, i) => ((i % side) + Math.floor(i / side)) % 250);
    const parts = make(undefined, { opening: new DataView(opening.buffer), opening_name: `${PICTURE}|2|1` });
    const corner = parts.cache.get(PICTURE, spot(2, 1, 1));
    expect(corner).toMatchObject({ rows: 244, cols: 244, exact: true });
    expect(corner?.codes[0]).toBe((256 + 256) % 250);
    expect(corner?.codes[244]).toBe((257 + 256) % 250);
    parts.cache.want({}, PICTURE, [spot(2, 1, 1), spot(2)]);
    await settled();
    expect(requests(parts)).toHaveLength(0);
  });

  it("is only a beginning where it was sampled", async () => {
    const opening = new DataView(new ArrayBuffer(500 * 500));
    const parts = make(undefined, { opening, opening_name: `${PICTURE}|2|0` });
    expect(parts.cache.get(PICTURE, spot(2))?.exact).toBe(false);
    parts.cache.want({}, PICTURE, [spot(2)]);
    await settled();
    expect(requests(parts)).toHaveLength(1);
  });

  it("is a thumbnail for every head", () => {
    const side = 32; // 2,000 tokens at level 6
    const first = new Uint8Array(2 * 6 * side * side);
    first.fill(77, 11 * side * side); // the last head: layer 3, head 5
    const { cache } = make(undefined, { first: new DataView(first.buffer), first_name: "r|plain|0" });
    expect(cache.get(PICTURE, spot(6))).toMatchObject({ rows: side, cols: side, exact: false });
    expect(cache.get(PICTURE, spot(6))?.codes[0]).toBe(77);
    expect(cache.get("r|plain|0|0", spot(6))?.codes[0]).toBe(0);
    expect(cache.get("r|no_sink|3|5", spot(6))).toBeUndefined();
    expect(cache.get("r|plain|mean|5", spot(6))).toBeUndefined();
    expect(cache.get("r|plain|7|5", spot(6))).toBeUndefined();
  });

  it("is refused where it does not fit its name", () => {
    const opening = new DataView(new ArrayBuffer(10));
    const { cache } = make(undefined, { opening, opening_name: `${PICTURE}|2|1` });
    expect(cache.get(PICTURE, spot(2))).toBeUndefined();
  });

  it("can come while an effect reads the cache", () => {
    const { model, cache } = make();
    model.hear({ opening: new DataView(new ArrayBuffer(500 * 500)), opening_name: `${PICTURE}|2|1` });
    expect(cache.version.value).toBe(1);
  });
});
