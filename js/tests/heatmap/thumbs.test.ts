import { afterEach, describe, expect, it, vi } from "vitest";
import { createThumbs } from "../../src/heatmap/thumbs";
import { bench, type Fake } from "../fake";
import { READY } from "./record";

const views: (() => void)[] = [];

afterEach(() => {
  for (const end of views.splice(0)) end();
});

describe("thumbnails", () => {
  const asked = (model: Fake): unknown[] => model.sent.filter((message) => message.kind === "thumbs");

  it("that came with the traits are not asked for", async () => {
    const { thumbs, model } = stage({ first: new Uint8Array(4 * 36).fill(9), first_name: "r|no_sink|1" });
    expect(thumbs.get(1, 1)).toMatchObject({ rows: 6, cols: 6 });
    thumbs.want([[1, 1]], 6);
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked(model)).toEqual([]);
  });

  it("that are missing are asked for once, and stand in for one another meanwhile", async () => {
    const { thumbs, model } = stage({ first: new Uint8Array(4 * 36).fill(9), first_name: "r|no_sink|1" });
    model.hear({ hide_sink: false });
    expect(thumbs.get(0, 0)?.codes[0]).toBe(9);
    for (let time = 0; time < 3; time++) thumbs.want([[0, 0]], 6);
    await vi.advanceTimersByTimeAsync(2000);
    thumbs.want([[0, 0]], 6);
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked(model)).toMatchObject([{ record: "r", variant: "plain", heads: [[0, 0]] }]);
    const [request] = asked(model) as { id: string }[];
    model.reply(request?.id ?? "", { thumbs: [[0, 0, 2, 2, 1]] }, [Uint8Array.from([1, 2, 3, 4])]);
    await vi.advanceTimersByTimeAsync(1);
    expect(thumbs.get(0, 0)).toMatchObject({ codes: Uint8Array.from([1, 2, 3, 4]), rows: 2, cols: 2 });
  });

  it("that are smaller than their place on the screen are asked for once more, finer", async () => {
    const info = { ...READY.info, length: 12, first_level: 1 };
    const { thumbs, model } = stage({
      info,
      first: new Uint8Array(4 * 36).fill(9),
      first_name: "r|no_sink|0",
    });
    thumbs.want([[0, 1]], 6);
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked(model)).toEqual([]);
    thumbs.want([[0, 1]], 7);
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked(model)).toMatchObject([{ heads: [[0, 1]] }]);
    const [request] = asked(model) as { id: string }[];
    model.reply(request?.id ?? "", { thumbs: [[0, 1, 12, 12, 0]] }, [new Uint8Array(144).fill(8)]);
    await vi.advanceTimersByTimeAsync(1);
    expect(thumbs.get(0, 1)).toMatchObject({ rows: 12, cols: 12 });
    model.hear({ first: new Uint8Array(4 * 36).fill(7), first_name: "r|no_sink|1" });
    expect(thumbs.get(0, 1)?.codes[0]).toBe(7); // exact now: the sampled one has gone
  });

  it("of another record are forgotten", () => {
    const { thumbs, model } = stage({ first: new Uint8Array(4 * 36).fill(9), first_name: "r|no_sink|1" });
    model.hear({ info: { ...READY.info, record: "s" } });
    expect(thumbs.get(0, 0)).toBeUndefined();
  });
});

/** The thumbnails' store alone, with a clock that the test moves. */
function stage(traits: object) {
  vi.useFakeTimers();
  const { model, traits: bound, wire, ends } = bench({ ...READY, ...traits });
  views.push(() => {
    ends.abort();
    vi.useRealTimers();
  });
  return { model, thumbs: createThumbs(bound, wire, ends.signal) };
}
