// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { settled } from "../fake";
import { all } from "../heatmap/view";
import { answer, PIECES, PROMPT, pack, part, tell, WRITTEN, written } from "./kernel";

// Two rows (the embedding, and the output after one layer), three tokens, two words of each.
const WORDS = [3, 4, 7, 2, 6, 5, 1, 2, 2, 1, 5, 3];
const SHARES = [0.5, 0.25, 0.5, 0.25, 0.5, 0.25, 1, 0, 0.75, 0.125, 0.75, 0.125];

function reply(more: object = {}): [object, Uint8Array[]] {
  const { spec, bytes } = pack({
    read: ["<i4", [3], [0, 1, 2]],
    id: ["<i4", [2, 3, 2], WORDS],
    prob: ["<f4", [2, 3, 2], SHARES],
  });
  const fields = { node: "w", start: 0, length: 3, layers: [0, 1], under: "", columns: spec, pieces: PIECES };
  return [{ ...fields, ...more }, [bytes]];
}

async function opened() {
  const shown = await written();
  const { model, root } = shown;
  model.hear({ status: "ready" });
  tell(model, 3, [], [PROMPT, { ...WRITTEN, length: 2, running: false }]);
  await settled();
  const button = (name: string) =>
    all<HTMLButtonElement>(root, "button").find((one) => [one.textContent, one.title].includes(name));
  const asked = () => model.sent.filter(({ kind }) => kind === "lens");
  const cells = () => all<HTMLElement>(root, ".gw-lens td");
  const words = () => root.querySelector(".gw-lens-told")?.textContent;
  return { ...shown, button, asked, cells, words };
}

async function looked() {
  const shown = await opened();
  shown.button("Layers")?.click();
  answer(shown.model, "lens", ...reply());
  await settled();
  return shown;
}

const press = (cell: Element, key: string) =>
  cell.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));

describe("layers", () => {
  it("are asked for by the button, and by nothing else", async () => {
    const { model, root, button, asked, cells } = await opened();
    expect(asked()).toEqual([]);
    expect(root.querySelector(".gw-lens")).toBeNull();
    model.hear({ token: 2 });
    button("Layers")?.click();
    expect(asked()).toMatchObject([{ node: "w", at: 2 }]);
    answer(model, "lens", ...reply());
    await settled();
    const texts = ["·time", ".", "<b>", "·upon", "·a", "⏎"];
    expect(cells().map((cell) => cell.textContent)).toEqual(texts);
    expect(all(root, ".gw-lens tbody th").map((one) => one.textContent)).toEqual(["embedding", "1 output"]);
    expect(all(root, ".gw-lens thead th").map((one) => one.textContent)).toEqual([
      "layers",
      "Once",
      "·upon",
      "·a",
    ]);
    expect(root.querySelector(".gw-lens b")).toBeNull();
    button("Layers")?.click();
    expect(root.querySelector(".gw-lens")).toBeNull();
    button("Layers")?.click();
    expect(asked()).toHaveLength(1); // what is known is shown again
    expect(cells()).toHaveLength(6);
  });

  it("tell of the cell that has the focus, and go by the arrow keys", async () => {
    const { cells, words } = await looked();
    const at = (i: number) => cells()[i] as HTMLElement;
    expect(cells().map((cell) => cell.tabIndex)).toEqual([-1, -1, -1, -1, -1, 0]);
    at(5).focus();
    expect(words()).toBe("After ·a (position 2) the model says:⏎ 0.750·time 0.125");
    press(at(5), "ArrowUp");
    expect(document.activeElement).toBe(at(2));
    expect(words()).toBe("After ·a (position 2) the embedding alone says:<b> 0.500⏎ 0.250");
    expect(at(2).getAttribute("aria-label")).toBe("<b> 0.500, ⏎ 0.250");
    press(at(2), "Home");
    press(at(0), "ArrowLeft");
    press(at(0), "ArrowDown");
    expect(document.activeElement).toBe(at(3));
    expect(cells().map((cell) => cell.tabIndex)).toEqual([-1, -1, -1, 0, -1, -1]);
  });

  it("have a cell that is chosen: a trait that others follow, and the kept token", async () => {
    const { model, cells } = await looked();
    cells()[4]?.click();
    expect([model.get("lens_cell"), model.get("token")]).toEqual([[1, 1], 1]);
    expect(cells().map((cell) => cell.ariaSelected ?? cell.getAttribute("aria-selected"))[4]).toBe("true");
    cells()[4]?.focus();
    press(cells()[4] as HTMLElement, "Enter");
    expect(model.get("lens_cell")).toBeNull();
    model.hear({ lens_cell: [0, 2] });
    expect(cells()[2]?.getAttribute("aria-selected")).toBe("true");
    expect(cells()[4]?.hasAttribute("aria-selected")).toBe(false);
    model.hear({ lens_cell: [0, 40] }); // outside of what is shown
    expect(cells().some((cell) => cell.hasAttribute("aria-selected"))).toBe(false);
  });

  it("say that they are of another text, and show nothing of it", async () => {
    const { model, root, button, asked, cells } = await looked();
    for (const [seq, change] of [
      () => tell(model, 4, [part("w", 2, [3])]),
      () => model.hear({ under: "1 head off (zero): L0H0" }),
      () => model.hear({ leaf: "p" }),
    ].entries()) {
      change();
      await settled();
      expect(cells()).toEqual([]);
      expect(root.querySelector(".gw-lens")?.textContent).toContain("is another one now");
      expect(asked()).toHaveLength(seq + 1);
      button("Read this text")?.click();
      expect(asked()).toHaveLength(seq + 2);
      answer(model, "lens", ...reply());
      await settled();
      expect(cells()).toHaveLength(6);
    }
  });

  it("that come too late, of a text that has changed meanwhile, are not shown", async () => {
    const { model, button, cells } = await opened();
    button("Layers")?.click();
    model.hear({ leaf: "p" });
    answer(model, "lens", ...reply());
    await settled();
    expect(cells()).toEqual([]);
    expect(button("Read this text")).toBeDefined();
  });

  it("say how far they are, and can be stopped", async () => {
    const { model, root, button, asked } = await opened();
    button("Layers")?.click();
    model.hear({ progress: { stage: "looking", done: 3, total: 12, unit: "layers" } });
    const job = root.querySelector(".gw-lens .gw-job");
    expect(job?.textContent).toContain("3 of 12 layers · 25 %");
    job?.querySelector("button")?.click();
    await settled();
    expect(model.sent.at(-1)).toMatchObject({ type: "cancel", id: asked()[0].id });
    expect(root.querySelector(".gw-lens .gw-job")).toBeNull();
    expect(button("Read this text")).toBeDefined();
  });

  it("of a model that shows none say why", async () => {
    const { model, root, button, asked } = await opened();
    button("Layers")?.click();
    const error = { type: "TextError", message: "Its layers are elsewhere." };
    model.emit("msg:custom", { type: "reply", id: asked()[0].id, ok: false, done: true, error });
    await settled();
    expect(root.querySelector(".gw-lens [role=alert]")?.textContent).toContain("Its layers are elsewhere.");
  });

  it("of a long text come a part at a time", async () => {
    const { model, root, button, asked } = await opened();
    button("Layers")?.click();
    answer(model, "lens", ...reply({ start: 1, length: 12 }));
    await settled();
    expect(root.querySelector(".gw-lens header")?.textContent).toContain("tokens 1 to 3 of 12");
    button("Later tokens")?.click();
    button("Earlier tokens")?.click();
    expect(asked().map(({ at }) => at)).toEqual([undefined, 5, 0]);
  });
});
