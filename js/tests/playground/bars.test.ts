// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { type Fake, fakeModel, settled } from "../fake";
import { all, press } from "../heatmap/view";
import { answer, logits, part, READY, show, tell, written } from "./kernel";

describe("alternatives", () => {
  const rows = (root: HTMLElement): string[][] =>
    all<HTMLElement>(root, ".gw-bar-row:not(.gw-none)").map((row) =>
      all(row, ".gw-piece, .gw-raw, .gw-ruled").map((cell) => cell.textContent ?? ""),
    );

  it("of a token under the keys, before and after the rules; a press tells the story anew", async () => {
    const { model, root } = await written();
    const text = root.querySelector(".gw-written") as HTMLElement;
    press(text, "End");
    await settled();
    expect(rows(root)).toEqual([
      ["·a", "0.500", "1"],
      [".", "0.250", "cut"],
    ]);
    press(text, "Enter");
    await settled();
    expect(model.get("token")).toBe(2);
    all<HTMLButtonElement>(root, ".gw-bar-row")[1]?.click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "branch", node: "w", at: 2, token: 7 });
  });

  it("before anything is drawn: the sliders move them with no word to the kernel", async () => {
    const model = fakeModel(READY);
    const root = show(model);
    await vi.waitFor(() => expect(model.sent.at(-1)).toMatchObject({ kind: "next" }));
    const { fields, bytes } = logits();
    answer(model, "next", fields, [bytes]);
    await settled();
    expect(rows(root).map(([piece, raw]) => [piece, raw])).toEqual([
      ["·time", "0.644"],
      ["·day", "0.237"],
      [".", "0.087"],
      ["·a", "0.032"],
    ]);
    const sent = model.sent.length;
    const k = root.querySelector<HTMLInputElement>("[aria-label='Top-k, exactly']") as HTMLInputElement;
    k.value = "2";
    k.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
    await settled();
    expect(rows(root).map(([, , ruled]) => ruled)).toEqual(["0.731", "0.269", "top-k", "top-k"]);
    expect(root.querySelector(".gw-sum")?.textContent).toBe("Σ 2 of 4 tokens stay: 0.881 before, 1 after");
    expect(model.sent.length).toBe(sent);
  });
});

describe("the bars", () => {
  const heading = (root: HTMLElement): string => root.querySelector(".gw-side h3")?.textContent ?? "";
  const pieces = (root: HTMLElement): (string | null)[] =>
    all(root, ".gw-bar-row:not(.gw-none) .gw-piece").map((cell) => cell.textContent);
  const asked = (model: Fake): Promise<unknown> => vi.waitUntil(() => model.sent.at(-1).kind === "next");

  it("follow what is written, and then stand for what comes next", async () => {
    const { model, root } = await written();
    expect([heading(root), pieces(root)]).toEqual(["Last token ·a", ["·a", "."]]);
    expect(root.querySelector("[data-moving] .gw-bars")).not.toBeNull();
    tell(model, 3, [part("w", 2, [3])]);
    await settled();
    expect([heading(root), pieces(root)]).toEqual(["Last token ·time", ["·time", "."]]);
    model.hear({ status: "ready" });
    await asked(model);
    expect(heading(root)).toBe("Last token ·time");
    expect(root.querySelector("[data-moving]")).toBeNull();
    const { fields, bytes } = logits();
    answer(model, "next", { ...fields, node: "w", at: 4 }, [bytes]);
    await settled();
    expect([heading(root), pieces(root)]).toEqual(["Next token", ["·time", "·day", ".", "·a"]]);
  });

  it("of a kept token are moved by the sliders, its own among them", async () => {
    const { model, root } = await written();
    model.hear({ status: "ready", token: 2 });
    await asked(model);
    expect(model.sent.at(-1)).toMatchObject({ node: "w", at: 2 });
    const { fields, bytes } = logits();
    answer(model, "next", { ...fields, node: "w", at: 2 }, [bytes]);
    const k = root.querySelector<HTMLInputElement>("[aria-label='Top-k, exactly']") as HTMLInputElement;
    k.value = "2";
    k.dispatchEvent(new Event("change"));
    await settled();
    expect(heading(root)).toBe("Position 2 ·a");
    expect(pieces(root)).toEqual(["·time", "·day", ".", "·a"]);
    expect(
      all(root, ".gw-ruled")
        .map((cell) => cell.textContent)
        .slice(0, 4),
    ).toEqual(["0.731", "0.269", "top-k", "top-k"]);
    expect(root.querySelector(".gw-chosen .gw-piece")?.textContent).toBe("·a");
    all<HTMLButtonElement>(root, ".gw-bar-row")[1]?.click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "branch", node: "w", at: 2, token: 4 });
  });
});
