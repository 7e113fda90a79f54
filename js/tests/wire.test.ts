import { describe, expect, it, vi } from "vitest";
import type { Answer } from "../src/wire";
import { bench, settled } from "./fake";

const forever = new AbortController().signal;

describe("a request", () => {
  it("goes out with its kind, its fields and an id of this page", () => {
    const { model, wire } = bench();
    wire.request("tiles", { record: "r" }).catch(() => undefined);
    wire.request("patch").catch(() => undefined);
    const [first, second] = model.sent;
    expect(first).toMatchObject({ type: "request", kind: "tiles", record: "r" });
    expect(first.id).not.toBe(second.id);
    expect(first.id.split("-")[0]).toBe(second.id.split("-")[0]);
    expect(bench().wire).not.toBe(wire);
  });

  it("ends with the last reply, after its parts", async () => {
    const { model, wire } = bench();
    const parts: Answer[] = [];
    const answer = wire.request("tiles", {}, { onPart: (part) => parts.push(part) });
    const { id } = model.sent[0];
    model.reply(id, { done: false, n: 1 });
    model.reply(id, { done: false, n: 2 });
    model.reply(id, { n: 3 });
    expect((await answer).content["n"]).toBe(3);
    expect(parts.map(({ content }) => content["n"])).toEqual([1, 2]);
    expect(wire.pending()).toBe(0);
  });

  it("hands on buffers with their own offset and length", async () => {
    const { model, wire } = bench();
    const answer = wire.request("line");
    const memory = new Uint8Array([9, 9, 1, 2, 3, 9]);
    model.reply(model.sent[0].id, {}, [new DataView(memory.buffer, 2, 3)]);
    expect([...((await answer).buffers[0] ?? [])]).toEqual([1, 2, 3]);
  });

  it("sends only the bytes of a view, not the memory under it", () => {
    const { model, wire } = bench();
    wire
      .request("picture", {}, { buffers: [new Uint8Array([1, 2, 3, 4]).subarray(1, 3)] })
      .catch(() => undefined);
    expect([...new Uint8Array(model.sent[0].buffers[0])]).toEqual([2, 3]);
  });

  it("fails with the kernel's words", async () => {
    const { model, wire } = bench();
    const answer = wire.request("tiles");
    model.reply(model.sent[0].id, { ok: false, error: { type: "StaleRecord", message: "gone" } });
    await expect(answer).rejects.toMatchObject({ type: "StaleRecord", message: "gone" });
  });

  it("ignores replies to another page's ids, and malformed messages", async () => {
    const { model, wire } = bench();
    const done = vi.fn();
    wire.request("tiles").then(done, done);
    model.reply("someone-1", { n: 1 });
    model.emit("msg:custom", null);
    model.emit("msg:custom", "text");
    model.emit("msg:custom", { type: "reply" });
    await settled();
    expect(done).not.toHaveBeenCalled();
  });

  it("tells the kernel when it is cancelled, once, and hears nothing more", async () => {
    const { model, wire } = bench();
    const stop = new AbortController();
    const onPart = vi.fn();
    const answer = wire.request("tiles", {}, { signal: stop.signal, onPart });
    const { id } = model.sent[0];
    stop.abort();
    await expect(answer).rejects.toBeDefined();
    expect(model.sent.slice(1)).toEqual([{ type: "cancel", id }]);
    model.reply(id, { done: false });
    expect(onPart).not.toHaveBeenCalled();
  });

  it("sends no cancel for what has been answered", async () => {
    const { model, wire } = bench();
    const stop = new AbortController();
    const answer = wire.request("tiles", {}, { signal: stop.signal });
    model.reply(model.sent[0].id, {});
    await answer;
    stop.abort();
    expect(model.sent).toHaveLength(1);
  });

  it("is refused before it is sent if it was cancelled before", async () => {
    const { model, wire } = bench();
    await expect(wire.request("tiles", {}, { signal: AbortSignal.abort() })).rejects.toBeDefined();
    expect(model.sent).toHaveLength(0);
  });

  it("gives up after its time without a word, but not while parts come", async () => {
    vi.useFakeTimers();
    const { model, wire } = bench();
    const failed = vi.fn();
    wire.request("hello", {}, { timeout: 1000 }).catch(failed);
    vi.advanceTimersByTime(900);
    model.reply(model.sent[0].id, { done: false });
    await vi.advanceTimersByTimeAsync(900);
    expect(failed).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(200);
    expect(failed).toHaveBeenCalledWith(expect.objectContaining({ type: "Timeout" }));
    vi.useRealTimers();
  });

  it("fails, and does not hang, where sending fails", async () => {
    const { model, wire } = bench();
    model.send = () => {
      throw new Error("the connection is closed");
    };
    await expect(wire.request("tiles")).rejects.toThrow("closed");
    expect(wire.pending()).toBe(0);
  });

  it("ends with the widget, which then listens no more", async () => {
    const { model, wire, ends } = bench();
    const answer = wire.request("tiles");
    ends.abort();
    await expect(answer).rejects.toBeDefined();
    expect(model.listeners()).toBe(0);
    await expect(wire.request("tiles")).rejects.toBeDefined();
  });
});

describe("events", () => {
  const event = (seq: number, kind = "record") => ({ type: "event", kind, seq });
  const seen = (wire: ReturnType<typeof bench>["wire"]) => {
    const heard: unknown[] = [];
    wire.onEvent("record", ({ content }) => heard.push(content["seq"]), forever);
    return heard;
  };

  it("reach those who listen to their kind", () => {
    const { model, wire } = bench();
    const heard = seen(wire);
    model.emit("msg:custom", event(1), []);
    model.emit("msg:custom", event(2, "other"), []);
    model.emit("msg:custom", event(3), []);
    expect(heard).toEqual([1, 3]);
  });

  it("are handed on once and in order, and what is missing is asked for", async () => {
    const { model, wire } = bench();
    const heard = seen(wire);
    model.emit("msg:custom", event(1), []);
    model.emit("msg:custom", event(4), []);
    model.emit("msg:custom", event(1), []);
    expect(heard).toEqual([1]);
    expect(model.sent).toEqual([expect.objectContaining({ kind: "missing", from: 2, to: 3 })]);
    model.emit("msg:custom", event(2), []);
    model.emit("msg:custom", event(3), []);
    model.reply(model.sent[0].id, {});
    await settled();
    expect(heard).toEqual([1, 2, 3, 4]);
    expect(model.sent).toHaveLength(1);
  });

  it("go on where the kernel has forgotten the missing ones", async () => {
    const { model, wire } = bench();
    const heard = seen(wire);
    model.emit("msg:custom", event(1), []);
    model.emit("msg:custom", event(9), []);
    model.reply(model.sent[0].id, {});
    await settled();
    expect(heard).toEqual([1, 9]);
  });

  it("before the greeting are asked for too, if the greeting says so", async () => {
    const { model, wire } = bench();
    const heard = seen(wire);
    const greeting = wire.hello();
    expect(wire.hello()).toBe(greeting);
    model.reply(model.sent[0].id, { version: 1, seq: 5 });
    await greeting;
    model.emit("msg:custom", event(7), []);
    expect(model.sent[1]).toMatchObject({ kind: "missing", from: 6, to: 6 });
    model.emit("msg:custom", event(6), []);
    expect(heard).toEqual([6, 7]);
  });

  it("stop with the listener's signal", () => {
    const { model, wire } = bench();
    const heard = vi.fn();
    const ends = new AbortController();
    wire.onEvent("record", heard, ends.signal);
    ends.abort();
    model.emit("msg:custom", event(1), []);
    expect(heard).not.toHaveBeenCalled();
  });
});

describe("a greeting", () => {
  it("can be tried again after it failed", async () => {
    const { model, wire } = bench();
    const first = wire.hello();
    model.reply(model.sent[0].id, { ok: false, error: { type: "Error", message: "no" } });
    await expect(first).rejects.toBeDefined();
    await settled();
    wire.hello().catch(() => undefined);
    expect(model.sent.filter(({ kind }) => kind === "hello")).toHaveLength(2);
  });
});
