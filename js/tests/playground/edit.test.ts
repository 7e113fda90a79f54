// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { settled } from "../fake";
import { button, press } from "../heatmap/view";
import { answer, part, tell, written } from "./kernel";

describe("other words in the middle", () => {
  async function kept(words: string) {
    const { model, root } = await written();
    tell(model, 3, [part("w", 2, [3])]);
    model.hear({ status: "ready", token: 2 });
    await settled();
    const field = root.querySelector(".gw-replacing input") as HTMLInputElement;
    field.value = words;
    return { model, root, field };
  }

  it("keep the rest, as a branch that the model reads", async () => {
    const { model, root } = await kept(" the");
    button(root, "Keep the rest").click();
    expect(model.sent.at(-1)).toMatchObject({
      kind: "edit",
      node: "w",
      at: 2,
      end: 3,
      text: " the",
      scored: true,
    });
    answer(model, "edit", { node: "e" });
    await settled();
    expect(model.sent.at(-1).kind).toBe("edit"); // nothing runs
  });

  it("or have the story told anew", async () => {
    const { model, field } = await kept(" the");
    press(field, "Enter");
    expect(model.sent.at(-1)).toMatchObject({ kind: "edit", at: 2, end: 4, text: " the" });
    answer(model, "edit", { node: "e" });
    await settled();
    expect(model.sent.at(-1)).toMatchObject({ kind: "continue", leaf: "e" });
  });

  it("need no words where a token is taken out", async () => {
    const { model, root, field } = await kept("");
    const before = model.sent.length;
    press(field, "Enter");
    expect(model.sent.length).toBe(before);
    button(root, "Keep the rest").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "edit", at: 2, end: 3, text: "" });
  });
});
