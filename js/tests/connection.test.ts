import { describe, expect, it } from "vitest";
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

  it("leaves nothing behind", () => {
    const { model, wire, ends } = bench();
    const before = model.listeners();
    greet(wire, ends.signal);
    expect(model.listeners()).toBe(before + 1);
    ends.abort();
    expect(model.listeners()).toBe(0);
  });
});
