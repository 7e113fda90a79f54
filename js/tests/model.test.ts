import { batch, effect } from "@preact/signals-core";
import { describe, expect, it, vi } from "vitest";
import { bench, settled } from "./fake";

describe("traits", () => {
  it("begin with the model's values, or with what Python would say", () => {
    const { traits } = bench({ layer: 5, hide_sink: false, info: { length: 3 } });
    expect(traits.layer.value).toBe(5);
    expect(traits.hideSink.value).toBe(false);
    expect(traits.info.value.length).toBe(3);
    expect(traits.query.value).toBeNull();
  });

  it("follow the kernel", () => {
    const { model, traits } = bench({ layer: 5 });
    model.hear({ layer: 7, kind_of: [[0, 0, "local"]] });
    expect(traits.layer.value).toBe(7);
    expect(traits.kindOf.value).toEqual([[0, 0, "local"]]);
  });

  it("are saved once for all that was written in a task", async () => {
    const { model, traits } = bench({ layer: 5, head: 1 });
    traits.layer.value = 6;
    traits.head.value = "mean";
    await settled();
    expect([model.get("layer"), model.get("head"), model.saved.times]).toEqual([6, "mean", 1]);
  });

  it("that are written together are all saved", async () => {
    const { model, traits } = bench({ layer: 5, head: 1, query: 2 });
    batch(() => {
      traits.layer.value = 6;
      traits.head.value = 0;
      traits.query.value = null;
    });
    await settled();
    expect([model.get("layer"), model.get("head"), model.get("query")]).toEqual([6, 0, null]);
  });

  it("that choose a cell are saved together, after what is asked for it", async () => {
    const { model, traits } = bench({});
    traits.query.value = 3;
    traits.key.value = 1;
    await Promise.resolve().then(() => model.send({ type: "request" }));
    expect([model.saved.times, model.sent.length]).toEqual([0, 1]);
    await settled();
    expect([model.get("query"), model.get("key"), model.saved.times]).toEqual([3, 1, 1]);
  });

  it("are not saved back when the kernel has set them", async () => {
    const { model } = bench({ view: [], filter: [] });
    model.hear({ layer: 3, filter: ["entropy", 0, 1] });
    await settled();
    expect(model.saved.times).toBe(0);
  });

  it("do not change where a new object says the same", () => {
    const { model, traits } = bench({ info: { length: 3 } });
    const seen = vi.fn();
    effect(() => void seen(traits.info.value));
    model.hear({ info: { length: 3 } });
    expect(seen).toHaveBeenCalledTimes(1);
  });

  it("that came in one message change together", () => {
    const { model, traits } = bench();
    const seen: unknown[] = [];
    effect(() => void seen.push([traits.opening.value?.length, traits.openingName.value]));
    model.hear({ opening: new DataView(new ArrayBuffer(4)), opening_name: "r|plain|0|0|0|1" });
    expect(seen).toEqual([
      [undefined, ""],
      [4, "r|plain|0|0|0|1"],
    ]);
  });

  it("in bytes honour the offset of their view", () => {
    const memory = new Uint8Array([9, 1, 2, 9]);
    const { traits } = bench({ first: new DataView(memory.buffer, 1, 2) });
    expect([...(traits.first.value ?? [])]).toEqual([1, 2]);
  });

  it("save a view when the hand rests, and keep it from older news meanwhile", () => {
    vi.useFakeTimers();
    const { model, traits } = bench({ view: [] });
    for (let i = 1; i <= 60; i++) traits.view.value = [i, i, 10, 10];
    model.hear({ view: [1, 1, 10, 10] });
    expect(traits.view.value).toEqual([60, 60, 10, 10]);
    expect(model.saved.times).toBe(0);
    vi.advanceTimersByTime(200);
    expect(model.get("view")).toEqual([60, 60, 10, 10]);
    vi.useRealTimers();
  });

  it("are not saved to a model that the kernel has closed", async () => {
    const { model, traits } = bench({ layer: 1, _view_count: 1 });
    traits.layer.value = 2;
    model.emit("comm:close");
    traits.layer.value = 3;
    await settled();
    expect([model.saved.times, model.get("_view_count")]).toEqual([0, null]);
  });

  it("are left alone when the widget has ended", async () => {
    const { model, traits, ends } = bench({ layer: 1 });
    ends.abort();
    traits.layer.value = 2;
    await settled();
    expect([model.get("layer"), model.saved.times, model.listeners()]).toEqual([1, 0, 0]);
  });
});
