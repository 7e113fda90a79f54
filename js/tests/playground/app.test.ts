// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { fakeModel, settled } from "../fake";
import { all, button, press } from "../heatmap/view";
import { entry, part, READY, show, tell, views, WRITTEN, written } from "./kernel";

describe("writing", () => {
  it("asks for a run with what stands in the editor, at once", async () => {
    const model = fakeModel(READY);
    const root = show(model);
    const field = root.querySelector("textarea") as HTMLTextAreaElement;
    field.value = "Two";
    field.dispatchEvent(new Event("input"));
    button(root, "Run").click();
    await settled();
    expect(model.get("prompt")).toBe("Two");
    expect(model.sent.map((message) => message.kind)).toContain("run");
  });

  it("adds spans at the end and leaves the others as they are", async () => {
    const { model, spans, root } = await written();
    const before = spans();
    expect(before.map((span) => span.textContent)).toEqual(["upon", "a"]);
    tell(model, 3, [part("w", 2, [3, 5])], [{ ...WRITTEN, length: 4 }]);
    expect(spans().slice(0, 2)).toEqual(before);
    expect(spans().map((span) => span.textContent)).toEqual(["upon", "a", "time", "\n"]);
    expect(root.querySelector(".gw-written")?.textContent).toBe(" upon a time\n");
    expect(root.dataset).toMatchObject({ node: "w", tokens: "5", status: "running" });
    expect(all(root, ".gw-tree-name").map((name) => name.textContent)).toEqual(["Once", "upon a time"]);
  });

  it("shows what a model writes as text", async () => {
    const { model, spans } = await written();
    tell(model, 3, [part("w", 2, [6])]);
    expect(spans().at(-1)?.innerHTML).toBe("&lt;b&gt;");
  });

  it("asks for what it missed", async () => {
    const { model } = await written();
    tell(model, 3, [part("w", 5, [3])]);
    expect(model.sent.at(-1)).toMatchObject({ kind: "story", since: { p: 1, w: 2 } });
  });

  it("colours by what was chosen, and not at all", async () => {
    const { model, spans } = await written();
    model.hear({ color: "surprise" });
    const one = spans()[0] as HTMLElement;
    const surprise = one.style.backgroundColor;
    expect(surprise).not.toBe("");
    model.hear({ color: "probability" });
    expect(one.style.backgroundColor).not.toBe(surprise);
    model.hear({ color: "none" });
    expect(one.style.backgroundColor).toBe("");
  });
});

describe("texts side by side", () => {
  it("begin at one line, say what is theirs, and mark where they part", async () => {
    const { model, root } = await written();
    const both = [
      { ...WRITTEN, sequence: "r", sampling: { temperature: 1 } },
      entry("v", { parent: "p", at: 1, sequence: "r", seed: 2, sampling: { temperature: 0 } }),
    ];
    tell(model, 3, [part("v", 0, [1, 4, 3]), part("w", 2, [3])], both);
    const columns = all<HTMLElement>(root, ".gw-column");
    expect(columns.map((one) => one.querySelector(".gw-bar")?.textContent)).toEqual([
      "T 1 · seed 1 · writing",
      "T 0 · seed 2",
    ]);
    const differs = (): (string | null)[] => all(root, ".gw-differs").map((span) => span.textContent);
    expect(differs()).toEqual(["a", "day"]);
    tell(model, 4, [part("v", 3, [3])]);
    expect(differs()).toEqual(["a", "day"]);
  });
});

describe("texts that are compared", () => {
  it("stand side by side, whichever of them is shown, until one is taken out", async () => {
    const { model, root } = await written();
    const nodes = [
      { ...WRITTEN, running: false, sampling: { temperature: 1 } },
      entry("v", { parent: "w", at: 2, seed: 2, name: "mine", sampling: { temperature: 0 } }),
      entry("e", { parent: "w", at: 2, seed: null, kind: "edited" }),
    ];
    tell(model, 3, [part("w", 2, [3]), part("v", 0, [4]), part("e", 0, [7])], nodes);
    const heads = (): (string | null)[] => all(root, ".gw-column .gw-bar").map((one) => one.textContent);
    const row = (id: string): Element | null => root.querySelector(`[role=treeitem][id$="tree-${id}"]`);
    expect(heads()).toEqual([]);
    row("v")?.dispatchEvent(new MouseEvent("click", { ctrlKey: true, bubbles: true }));
    expect(heads()).toEqual(["T 1 · seed 1", "mine · T 0 · seed 2"]);
    expect(all(root, ".gw-differs").map((span) => span.textContent)).toEqual(["a", "day"]);
    expect(row("v")?.getAttribute("aria-label")).toContain("marked to compare");
    (all(root, ".gw-column .gw-bar .gw-button")[2] as HTMLElement).click();
    await settled();
    expect(model.get("leaf")).toBe("v");
    expect(heads().length).toBe(2);
    (row("e") as HTMLElement).click();
    expect(heads()).toEqual([]);
    press(root.querySelector("[role=tree]") as HTMLElement, "c");
    expect(heads()).toEqual(["T 1 · seed 1", "mine · T 0 · seed 2", "edited"]);
    button(root, "Compare it no more").click();
    expect(heads()).toEqual(["mine · T 0 · seed 2", "edited"]);
    button(root, "Side by side").click();
    expect(heads()).toEqual([]);
  });
});

describe("the tree", () => {
  it("shows the row of what is shown, wherever that was chosen", async () => {
    const { model, root } = await written();
    const tree = root.querySelector("[role=tree]") as HTMLElement;
    const rect =
      (top: number): (() => DOMRect) =>
      () =>
        new DOMRect(0, top, 100, 20);
    tree.getBoundingClientRect = rect(0);
    (tree.querySelector('[id$="tree-w"]') as HTMLElement).getBoundingClientRect = rect(70);
    model.hear({ leaf: "p" });
    model.hear({ leaf: "w" });
    await settled();
    expect(tree.scrollTop).toBe(70);
  });

  it("is walked, named and pruned by keys", async () => {
    const { model, root } = await written();
    tell(model, 3, [part("v", 0, [4])], [entry("v", { parent: "w", at: 2, preview: " day" })]);
    const tree = root.querySelector("[role=tree]") as HTMLElement;
    const items = (): HTMLElement[] => all<HTMLElement>(tree, "[role=treeitem]");
    expect(items().map((item) => item.getAttribute("aria-level"))).toEqual(["1", "2", "3"]);
    press(tree, "ArrowDown");
    await settled();
    expect(model.get("leaf")).toBe("v");
    expect(all(root, ".gw-written [data-at]").map((span) => span.textContent)).toEqual(["upon", "day"]);
    press(tree, "Delete");
    expect(model.sent.at(-1)).toMatchObject({ kind: "prune", node: "v", pruned: true });
    press(tree, "F2");
    const field = tree.querySelector("input") as HTMLInputElement;
    field.value = "mine";
    press(field, "Enter");
    expect(model.sent.at(-1)).toMatchObject({ kind: "name", node: "v", name: "mine" });
    press(tree, "ArrowLeft");
    await settled();
    expect(model.get("leaf")).toBe("w");
  });
});

describe("modes", () => {
  const mode = (root: HTMLElement, at: number): void => {
    all<HTMLInputElement>(root, ".gw-controls .gw-choice input")[at]?.dispatchEvent(new Event("change"));
  };

  it("leave nothing of each other behind", async () => {
    const { model, root } = await written();
    mode(root, 2);
    expect(all(root, ".gw-prompt").map((field) => field.getAttribute("aria-label"))).toEqual([
      "Text to score",
    ]);
    expect(all(root, ".gw-branches").length).toBe(0);
    mode(root, 1);
    await settled();
    expect(model.get("chat")).toBe(true);
    expect(all(root, ".gw-prompt, .gw-written [data-at]").length).toBe(0);
    expect(all(root, ".gw-reply, .gw-branches").length).toBe(2);
    mode(root, 0);
    expect(all(root, ".gw-prompt, .gw-written, .gw-branches").length).toBe(3);
  });

  it("chat sends what was answered along with the next message", async () => {
    const { model, root } = await written();
    model.hear({ chat: true, status: "ready", messages: [{ role: "user", content: "Hi" }] });
    tell(model, 3, [], [{ ...WRITTEN, running: false, length: 2 }]);
    const field = root.querySelector(".gw-reply textarea") as HTMLTextAreaElement;
    field.value = "And?";
    press(field, "Enter");
    await settled();
    expect(model.get("messages")).toEqual([
      { role: "user", content: "Hi" },
      { role: "assistant", content: "upon a" },
      { role: "user", content: "And?" },
    ]);
    expect(model.sent.map((message) => message.kind)).toContain("run");
  });

  it("chat sends what was typed when Run is pressed, too", async () => {
    const model = fakeModel({ ...READY, chat: true, messages: [] });
    const root = show(model);
    const field = root.querySelector(".gw-reply textarea") as HTMLTextAreaElement;
    field.value = "Name two colours.";
    field.dispatchEvent(new Event("input"));
    button(root, "Run").click();
    await settled();
    expect(model.get("messages")).toEqual([{ role: "user", content: "Name two colours." }]);
    expect(field.value).toBe("");
  });
});

describe("a view", () => {
  it("leaves nothing behind", () => {
    const model = fakeModel(READY);
    const before = model.listeners();
    const root = show(model);
    expect(model.listeners()).toBeGreaterThan(before);
    for (const end of views.splice(0)) end();
    expect(root.isConnected).toBe(false);
    expect(model.listeners()).toBe(before);
  });

  it("says that a kernel is gone wherever something was being written", async () => {
    const { model, root } = await written();
    const says = (): string[] =>
      all(root, ".gw-ended, .gw-tree-facts").map((cell) => cell.textContent?.split(" · ").at(-1) ?? "");
    expect(says()).toEqual(["1", "writing", "writing"]);
    vi.useFakeTimers();
    model.emit("comm_live_update");
    await vi.advanceTimersByTimeAsync(10_000);
    vi.useRealTimers();
    const gone = "cut off: the kernel is gone";
    expect(says()).toEqual(["1", gone, gone]);
    expect(root.getAttribute("aria-busy")).toBe("false");
    expect(root.querySelector("[data-running]")).toBeNull();
    expect(root.querySelector(".gw-notes")?.textContent).toContain("No kernel answers");
  });

  it("says why a value was refused", () => {
    const model = fakeModel(READY);
    const root = show(model);
    const message = "top_p must be above 0 and at most 1, not 7.";
    model.emit("msg:custom", { type: "event", kind: "refused", seq: 1, trait: "top_p", message }, []);
    expect(root.querySelector(".gw-notes")?.textContent).toBe(message);
  });

  it("says what to do where the model was closed", () => {
    const error = { type: "ClosedError", message: "tiny was closed.", action: "Load it again." };
    const root = show(fakeModel({ ...READY, status: "closed", error }));
    expect(root.querySelector(".gw-notes")?.textContent).toContain("tiny was closed. Load it again.");
  });

  it("says what goes wrong, and what to do", () => {
    const error = { type: "PromptError", message: "<i>Too long</i>", action: "Shorten it." };
    const root = show(fakeModel({ ...READY, status: "error", error }));
    expect(root.querySelector("[role=alert]")?.textContent).toContain("<i>Too long</i>Shorten it.");
  });
});
