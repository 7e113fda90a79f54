import { describe, expect, it, vi } from "vitest";
import { greet } from "../src/connection";
import { bench, settled } from "./fake";

describe("the line to the kernel", () => {
  it("is looked at anew when the host says that it has changed", async () => {
    const { model, wire, ends } = bench();
    const connection = greet(wire, ends.signal);
    expect(connection.value).toBe("waiting");
    model.reply(model.sent.at(-1).id, { version: 1, seq: 0 });
    await settled();
    expect(connection.value).toBe("live");

    const { send } = model;
    model.send = () => {
      throw new Error("Cannot send");
    };
    model.emit("comm_live_update");
    await settled();
    expect(connection.value).toBe("silent");

    model.send = send;
    model.emit("comm_live_update");
    model.reply(model.sent.at(-1).id, { version: 1, seq: 0 });
    await settled();
    expect(connection.value).toBe("live");
    ends.abort();
  });

  it("is there again when a kernel answers late, after a long cell", async () => {
    vi.useFakeTimers();
    const { model, wire, ends } = bench();
    const connection = greet(wire, ends.signal);
    await vi.advanceTimersByTimeAsync(8100);
    expect(connection.value).toBe("silent");
    expect(model.sent.length).toBe(1);
    model.reply(model.sent[0].id, { version: 1, seq: 0 });
    await vi.advanceTimersByTimeAsync(0);
    expect(connection.value).toBe("live");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(connection.value).toBe("live");
    ends.abort();
    vi.useRealTimers();
  });

  it("asks again when it has heard nothing for long", async () => {
    vi.useFakeTimers();
    const { model, wire, ends } = bench();
    const connection = greet(wire, ends.signal);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(model.sent.map(({ kind }) => kind)).toEqual(["hello", "hello"]);
    expect(connection.value).toBe("silent");
    model.reply(model.sent[1].id, { version: 1, seq: 0 });
    await vi.advanceTimersByTimeAsync(0);
    expect(connection.value).toBe("live");
    ends.abort();
    vi.useRealTimers();
  });

  it("leaves nothing behind", () => {
    const { model, wire, ends } = bench();
    const before = model.listeners();
    greet(wire, ends.signal);
    expect(model.listeners()).toBe(before + 1);
    ends.abort();
    expect(model.listeners()).toBe(0);
  });
});
