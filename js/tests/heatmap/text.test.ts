// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { tellPage } from "../../src/together";
import { JOINED } from "../../src/tokens";
import { fakeModel, settled } from "../fake";
import { READY, WORDS } from "./record";
import { all, button, press, show } from "./view";

describe("the text", () => {
  it("is the tokens, as text and nothing else", () => {
    const flow = show(fakeModel(READY)).querySelector(".gw-flow") as HTMLElement;
    expect(flow.textContent).toBe(WORDS.join(""));
    expect(all(flow, "[data-token]")).toHaveLength(6);
    expect(flow.querySelector("img, script")).toBeNull();
  });

  it("puts spaces between words that came with an array", () => {
    const tokens = { pieces: ["a", "b"], ids: [-1, -1], groups: null, special: [] };
    const model = fakeModel({ ...READY, tokens, info: { ...READY.info, length: 2 } });
    expect(show(model).querySelector(".gw-flow")?.textContent).toBe("a b");
  });

  it("gets longer while a model writes, and nothing else is made anew", () => {
    const model = fakeModel({ ...READY, info: { ...READY.info, following: true } });
    const root = show(model);
    const before = all(root, "[data-token], button, select, option, [role=gridcell]");
    const tokens = { pieces: [" and"], ids: [7], groups: null, special: [] };
    const event = { kind: "grown", seq: 1, record: "r", from: 6, length: 7, first_level: 0, tokens };
    model.emit("msg:custom", { type: "event", ...event, layer: 1, head: 0, variant: "no_sink" }, [
      new Float32Array(7),
    ]);
    tellPage();
    expect(root.querySelector(".gw-flow")?.textContent).toBe(`${WORDS.join("")} and`);
    expect(root.querySelector(".gw-text h3")?.textContent).toBe("7 tokens");
    expect(before.filter((one) => !one.isConnected)).toEqual([]);
  });

  it("shows a split character as people read it, in the direction that it has", async () => {
    const pieces = ["⟨D7⟩", "⟨A9⟩", "לום", " a"];
    const tokens = { pieces, ids: [1, 2, 3, 4], groups: [0, 0, 1, 2], group_text: { 0: "ש" }, special: [] };
    const root = show(fakeModel({ ...READY, tokens, info: { ...READY.info, length: 4 } }));
    const flow = root.querySelector(".gw-flow") as HTMLElement;
    expect([flow.textContent, flow.dir]).toEqual([`ש${JOINED}לום a`, "rtl"]);
    all<HTMLElement>(root, "[data-token]")[1]?.click();
    await settled();
    expect(root.querySelector(".gw-chip")?.textContent).toBe("ש 2/2 ×");
  });

  it("marks the token that is pointed at, and no other", () => {
    const root = show(fakeModel(READY));
    const marked = () => all<HTMLElement>(root, ".gw-row, .gw-col").map((span) => span.dataset["token"]);
    for (const token of [3, 3, 1]) {
      all(root, "[data-token]")[token]?.dispatchEvent(new Event("pointermove", { bubbles: true }));
      expect(marked()).toEqual([String(token)]);
    }
    root.querySelector(".gw-flow")?.dispatchEvent(new Event("pointerleave"));
    expect(marked()).toEqual([]);
  });

  it("keeps a token that is clicked, asks for its line, and lets it go", async () => {
    const model = fakeModel(READY);
    const root = show(model);
    all<HTMLElement>(root, "[data-token]")[3]?.click();
    await settled();
    expect(model.get("query")).toBe(3);
    const line = model.sent.find((message) => message.kind === "line");
    expect(line).toMatchObject({ record: "r", variant: "no_sink", layer: 1, head: 0, query: 3 });
    model.reply(line.id, {}, [Float32Array.from([Number.NaN, 0.75, 0.25, 0, Number.NaN, Number.NaN])]);
    await settled();
    expect(root.querySelector(".gw-text .gw-bar")?.textContent).toContain("most at animal 0.7500");
    expect(all<HTMLElement>(root, "[data-token]")[1]?.style.backgroundColor).not.toBe("");
    expect(all<HTMLElement>(root, "[data-token]")[0]?.style.backgroundColor).toBe("");
    press(root.querySelector(".gw-flow") as Element, "Escape");
    await settled();
    expect(model.get("query")).toBeNull();
  });

  it("can still be asked when the model is closed, but not changed", async () => {
    const model = fakeModel({ ...READY, status: "closed", query: 3 });
    const root = show(model);
    await settled();
    expect(model.sent.find((message) => message.kind === "line")).toMatchObject({ query: 3 });
    expect(button(root, "Change the text")).toBeUndefined();
  });

  it("turns round without losing the token", async () => {
    const model = fakeModel({ ...READY, query: 2 });
    const root = show(model);
    const radio = all<HTMLInputElement>(root, ".gw-text input[type=radio]")[1] as HTMLInputElement;
    radio.dispatchEvent(new Event("change"));
    await settled();
    expect([model.get("direction"), model.get("query"), model.get("key")]).toEqual(["to", null, 2]);
    expect(model.sent.at(-1)).toMatchObject({ kind: "line", key: 2 });
  });

  it("draws only what is near of a long one", () => {
    const pieces = Array.from({ length: 32_768 }, () => " word");
    const tokens = { pieces, ids: pieces.map((_, at) => at), groups: null, special: [] };
    const model = fakeModel({ ...READY, tokens, info: { ...READY.info, length: pieces.length } });
    const flow = show(model).querySelector(".gw-flow") as HTMLElement;
    expect(flow.textContent).toHaveLength(pieces.length * 5);
    expect(all(flow, "[data-token]").length).toBeLessThan(400);
  });

  it("is changed in place", async () => {
    const model = fakeModel({ ...READY, query: 2 });
    const root = show(model);
    button(root, "Change the text").click();
    const field = root.querySelector("textarea") as HTMLTextAreaElement;
    expect(field.value).toBe(READY.text);
    field.value = "Something else";
    field.dispatchEvent(new Event("input"));
    press(field, "Enter", { ctrlKey: true });
    await settled();
    expect([model.get("text"), model.get("query")]).toEqual(["Something else", null]);
    expect(root.querySelector("textarea")).toBeNull();
  });
});
