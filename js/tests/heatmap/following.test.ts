// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { followRuns, frameOf, isFollowing, newest } from "../../src/heatmap/following";
import { tellPage } from "../../src/together";
import { type Bench, bench, settled } from "../fake";
import { READY } from "./record";

const GROWING = { ...READY, info: { ...READY.info, following: true } };

function follow(traits: Record<string, unknown> = GROWING) {
  const parts = bench(traits);
  const cache = { grow: vi.fn() };
  const lines = { put: vi.fn(), drop: vi.fn() };
  followRuns(parts.traits, parts.wire, { cache, lines } as never, parts.ends.signal);
  return { ...parts, cache, lines };
}

/** The rows from one token on, as the kernel tells them. */
function grown(from: number, length: number, record = "r") {
  const pieces = Array.from({ length: length - from }, (_, i) => `t${from + i}`);
  return {
    type: "event",
    kind: "grown",
    seq: 1,
    record,
    from,
    length,
    first_level: 0,
    layer: 1,
    head: 0,
    variant: "no_sink",
    tokens: { pieces, ids: pieces.map((_, i) => 100 + from + i) },
  };
}

const tell = ({ model }: Pick<Bench, "model">, content: object, buffers: DataView[]): void => {
  model.emit("msg:custom", content, buffers);
  tellPage();
};

const rows = (...sizes: number[]): DataView[] => [
  new DataView(Float32Array.from(sizes.flatMap((n) => new Array<number>(n).fill(1 / n))).buffer),
];

describe("a record that grows", () => {
  it("adds its tokens and its rows, and keeps the newest line", () => {
    const { model, traits, cache, lines } = follow();
    tell({ model }, grown(6, 8), rows(8, 8));
    expect(traits.length.value).toBe(8);
    expect(traits.tokens.value.pieces?.slice(5)).toEqual([READY.tokens.pieces[5], "t6", "t7"]);
    expect(cache.grow).toHaveBeenCalledWith("r|no_sink|1|0", 6, 8, expect.any(Float32Array));
    const [what, line] = lines.put.mock.calls[0] ?? [];
    expect(what).toMatchObject({ query: 7, layer: 1, head: 0 });
    expect(line).toHaveLength(8);
    expect(lines.drop).toHaveBeenCalledWith("key");
  });

  it("leaves what is known of the model as it is: only what depends on the length is drawn anew", () => {
    const { model, traits } = follow();
    const before = traits.info.value;
    tell({ model }, { ...grown(6, 8), first_level: 1 }, rows(8, 8));
    expect(traits.info.value).toBe(before);
    expect(traits.firstLevel.value).toBe(1);
  });

  it("is as long as Python says of another record", () => {
    const { model, traits } = follow();
    tell({ model }, grown(6, 8), rows(8, 8));
    model.hear({ info: { ...GROWING.info, record: "another", length: 3 } });
    expect(traits.length.value).toBe(3);
  });

  it("is not mixed with another one, and does not shrink", () => {
    const { model, traits, cache } = follow();
    tell({ model }, grown(6, 8, "another"), rows(8, 8));
    tell({ model }, grown(3, 5), rows(5, 5));
    expect(traits.length.value).toBe(6);
    expect(cache.grow).not.toHaveBeenCalled();
  });

  it("is asked for what a page has missed", async () => {
    const { model, traits } = follow();
    tell({ model }, grown(9, 10), rows(10));
    await settled();
    expect(traits.length.value).toBe(6);
    const asked = model.sent.filter(({ type }) => type === "request");
    expect(asked).toMatchObject([{ kind: "grown", record: "r", from: 6 }]);
  });

  it("is followed no more once the view has ended", () => {
    const { model, traits, ends } = follow();
    ends.abort();
    tell({ model }, grown(6, 8), rows(8, 8));
    expect(traits.length.value).toBe(6);
  });
});

describe("the newest token", () => {
  it("is the query while a run is followed and no other one is kept", () => {
    expect(newest(bench(GROWING).traits)).toBe(5);
    expect(newest(bench({ ...GROWING, query: 2 }).traits)).toBeNull();
    expect(newest(bench(READY).traits)).toBeNull();
    expect(isFollowing(bench(GROWING).traits)).toBe(true);
    expect(isFollowing(bench(READY).traits)).toBe(false);
  });
});

describe("the frame of a growing text", () => {
  it("has room for it, and stands still over many tokens", () => {
    const frames = Array.from({ length: 512 }, (_, i) => frameOf(i + 1));
    expect(frames.every((frame, i) => frame >= i + 1 && frame <= Math.max(16, 1.5 * (i + 1)))).toBe(true);
    expect(new Set(frames).size).toBeLessThan(24);
  });
});
