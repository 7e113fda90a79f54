// Hosts that drop what the kernel says by itself, as Colab does: simulated, not tried there.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { bench, type Message } from "./fake";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A kernel that answers greetings and polls at once; what its threads say waits for a poll where the host is deaf. */
function host(deaf: boolean) {
  const made = bench();
  const { model, wire } = made;
  const kept: Message[] = [];
  const say = (message: Message, buffers: ArrayBuffer[] = []) => {
    if (deaf) kept.push([message, buffers]);
    else model.emit("msg:custom", message, buffers);
  };
  const { send } = model;
  model.send = (content: Message, ...rest) => {
    send(content, ...rest);
    if (content.kind === "hello") {
      model.reply(content.id, { version: 1, seq: 0 });
      if (!deaf) say({ type: "aside", client: content.client });
    }
    if (content.kind === "poll") {
      const now = kept.splice(0);
      for (const [message, buffers] of now) model.emit("msg:custom", message, buffers);
      model.reply(content.id, { sent: now.length });
    }
  };
  const polls = () => model.sent.filter(({ kind }) => kind === "poll").length;
  return { ...made, wire, say, polls };
}

describe("a page whose host drops what threads say", () => {
  it("gets answers and events all the same, in order", async () => {
    const { wire, model, say, ends } = host(true);
    const heard: unknown[] = [];
    wire.onEvent("tokens", (event) => heard.push(event.content["seq"]), ends.signal);
    await wire.hello();
    await vi.advanceTimersByTimeAsync(3200);
    const answer = wire.request("tiles");
    const { id } = model.sent.at(-1);
    say({ type: "event", kind: "tokens", seq: 1 });
    say({ type: "reply", id, ok: true, done: true, n: 7 }, [new Uint8Array([1, 2]).buffer]);
    say({ type: "event", kind: "tokens", seq: 2 });
    await vi.advanceTimersByTimeAsync(400);
    const { content, buffers } = await answer;
    expect(content["n"]).toBe(7);
    expect([...(buffers[0] ?? [])]).toEqual([1, 2]);
    expect(heard).toEqual([1, 2]);
    ends.abort();
  });

  it("asks seldom while nothing happens, and soon again once something is asked", async () => {
    const { wire, polls, ends } = host(true);
    await wire.hello();
    await vi.advanceTimersByTimeAsync(30_000);
    const idle = polls();
    expect(idle).toBeLessThan(30);
    wire.request("tiles").catch(() => undefined);
    await vi.advanceTimersByTimeAsync(200);
    expect(polls()).toBe(idle + 1);
    await vi.advanceTimersByTimeAsync(1600);
    expect(polls()).toBeGreaterThan(idle + 8);
    ends.abort();
    const last = polls();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(polls()).toBe(last);
  });

  it("asks on after a poll that no kernel answered", async () => {
    const { wire, model, polls, ends } = host(true);
    await wire.hello();
    const { send } = model;
    model.send = () => {
      throw new Error("Cannot send");
    };
    await vi.advanceTimersByTimeAsync(4000);
    expect(polls()).toBe(0);
    model.send = send;
    await vi.advanceTimersByTimeAsync(6000);
    expect(polls()).toBeGreaterThan(0);
    ends.abort();
  });
});

describe("a page whose host drops nothing", () => {
  it("says that it hears threads, and never polls", async () => {
    const { wire, model, polls, ends } = host(false);
    await wire.hello();
    const { client } = model.sent[0];
    expect(model.sent.at(-1)).toEqual({ type: "heard", client });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(polls()).toBe(0);
    ends.abort();
  });

  it("stops polling when threads are heard late", async () => {
    const { wire, model, polls, ends } = host(true);
    await wire.hello();
    await vi.advanceTimersByTimeAsync(5000);
    const before = polls();
    expect(before).toBeGreaterThan(0);
    model.emit("msg:custom", { type: "aside", client: "another page" });
    await vi.advanceTimersByTimeAsync(5000);
    expect(polls()).toBeGreaterThan(before);
    model.emit("msg:custom", { type: "aside", client: model.sent[0].client });
    const last = polls();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(polls()).toBe(last);
    ends.abort();
  });
});
