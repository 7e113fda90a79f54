// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { type Fake, fakeModel, settled } from "../fake";
import { all, button } from "../heatmap/view";
import { answer, READY, show } from "./kernel";

const STORY = {
  name: "Story",
  kind: "text",
  prompt: "Once upon",
  sampling: { temperature: 0.9, stop: ["END"] },
  own: false,
};
const TALK = {
  name: "Story",
  kind: "chat",
  messages: [{ role: "user", content: "Tell me" }],
  sampling: { top_k: 5 },
};
const MINE = { name: "Diary", kind: "text", prompt: "Dear", own: true };

function opened(more: Record<string, unknown> = {}): {
  model: Fake;
  root: HTMLElement;
  list: HTMLSelectElement;
} {
  const model = fakeModel({
    ...READY,
    presets: [STORY, TALK, MINE],
    leaf: "w",
    token: 3,
    top_p: 0.5,
    ...more,
  });
  const root = show(model);
  return { model, root, list: root.querySelector("[aria-label=Presets]") as HTMLSelectElement };
}

function take(list: HTMLSelectElement, name: string): void {
  list.value = name;
  list.dispatchEvent(new Event("change", { bubbles: true }));
}

describe("presets", () => {
  it("are those of the mode, one's own named so", () => {
    const names = ({ list }: { list: HTMLSelectElement }) =>
      all(list, "option").map((one) => one.textContent);
    expect(names(opened())).toEqual(["Presets", "Story", "Diary (yours)"]);
    expect(names(opened({ chat: true }))).toEqual(["Presets", "Story"]);
  });

  it("set the prompt and the rules that they name, and nothing is shown any more", async () => {
    const { model, list } = opened();
    take(list, "Story");
    await vi.waitFor(() => expect(model.get("prompt")).toBe("Once upon"));
    expect([model.get("temperature"), model.get("stop_at"), model.get("top_p")]).toEqual([0.9, ["END"], 0.5]);
    expect([model.get("leaf"), model.get("token")]).toEqual(["", null]);
    expect(list.value).toBe(""); // an order, and no state
  });

  it("of a talk set its messages", async () => {
    const { model, list } = opened({ chat: true });
    take(list, "Story");
    await vi.waitFor(() => expect(model.get("messages")).toEqual(TALK.messages));
    expect([model.get("top_k"), model.get("prompt")]).toEqual([5, "Once"]);
  });

  it("are saved with what stands there, under a name, and deleted", async () => {
    const { model, root } = opened();
    button(root, "Save…").click();
    expect(button(root, "Save").disabled).toBe(true);
    const field = root.querySelector("[aria-label='Name of the preset']") as HTMLInputElement;
    field.value = "Mine";
    field.dispatchEvent(new Event("input"));
    button(root, "Save").click();
    const { save } = model.sent.at(-1);
    expect(save).toMatchObject({ name: "Mine", kind: "text", prompt: "Once" });
    expect(save.sampling).toMatchObject({ temperature: 1, ...{ top_p: 0.5 }, stop: [] });
    answer(model, "preset");
    await settled();
    expect(root.querySelector(".gw-sheet")).toBeNull();
    button(root, "Save…").click();
    button(root, "Delete").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "preset", delete: "Diary" });
  });

  it("that cannot be saved say why, and stay to be named otherwise", async () => {
    const { model, root } = opened();
    button(root, "Save…").click();
    const field = root.querySelector("[aria-label='Name of the preset']") as HTMLInputElement;
    field.value = "x";
    field.dispatchEvent(new Event("input"));
    button(root, "Save").click();
    answer(model, "preset", { ok: false, error: { type: "InstallError", message: "The disk is full." } });
    await settled();
    expect(root.querySelector(".gw-notes")?.textContent).toContain("The disk is full.");
    expect(root.querySelector(".gw-sheet")).not.toBeNull();
  });
});
