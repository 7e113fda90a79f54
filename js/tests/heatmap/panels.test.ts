// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import factory from "../../src/heatmap/index";
import { fakeModel, settled } from "../fake";
import { READY } from "./record";
import { all, button, press, show, views } from "./view";

describe("a view", () => {
  it("says its state on its root", () => {
    const model = fakeModel(READY);
    const root = show(model);
    expect(root.dataset).toMatchObject({ status: "ready", layer: "1", head: "0" });
    model.hear({ status: "recording", head: "mean" });
    expect(root.dataset).toMatchObject({ status: "recording", head: "mean" });
    expect(root.getAttribute("aria-busy")).toBe("true");
  });

  it("leaves nothing behind", () => {
    const model = fakeModel(READY);
    const before = model.listeners();
    const root = show(model);
    for (const end of views.splice(0)) end();
    expect(root.isConnected).toBe(false);
    expect(model.listeners()).toBe(before);
  });

  it("shares traits with a second view and keeps its own elements", () => {
    const model = fakeModel(READY);
    const made = factory();
    views.push(made.initialize({ model }));
    const places = [document.createElement("div"), document.createElement("div")];
    for (const el of places) views.push(made.render({ model, el }));
    model.hear({ layer: 0 });
    expect(places.map((el) => el.querySelector<HTMLElement>(".gw-heatmap")?.dataset["layer"])).toEqual([
      "0",
      "0",
    ]);
    const ids = places.flatMap((el) => all(el, "[id]").map((one) => one.id));
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("choosing a head", () => {
  it("steps through the heads in the order of the overview", async () => {
    const model = fakeModel(READY);
    const root = show(model);
    button(root, "Next head").click();
    await settled();
    expect([model.get("layer"), model.get("head")]).toEqual([1, 1]);
    button(root, "Next head").click();
    await settled();
    expect([model.get("layer"), model.get("head")]).toEqual([0, 0]);
  });

  it("follows the ranking when there is one", async () => {
    const model = fakeModel({ ...READY, sort: "entropy", descending: false });
    const root = show(model);
    press(root.querySelector(".gw-grid") as Element, "ArrowLeft");
    await settled();
    expect([model.get("layer"), model.get("head")]).toEqual([0, 1]);
  });

  it("names the chosen cell for a screen reader", () => {
    const cell = show(fakeModel(READY)).querySelector(".gw-cell") as HTMLElement;
    expect(cell.dataset).toMatchObject({ layer: "1", head: "0" });
    expect(cell.getAttribute("aria-label")).toBe(
      "Layer 1 · Head 0, local, entropy, bits 2.00, shares keys and values 0–1, sees the last 4",
    );
  });

  it("shows the kind of the head and what to look for", () => {
    const head = show(fakeModel(READY)).querySelector(".gw-head") as HTMLElement;
    expect(head.querySelector("h3")?.textContent).toBe("Layer 1 · Head 0locala<b>");
    expect(head.querySelector("p")?.textContent).toBe("A band along the diagonal.");
  });
});

describe("induction", () => {
  const options = (more: object, select: string) => {
    const root = show(fakeModel({ ...READY, ...more }));
    button(root, "Means, maxima, filter").click();
    return all<HTMLOptionElement>(root, `[aria-label="${select}"] option`).map(({ value }) => value);
  };
  const info = { ...READY.info, model: true };

  it("is offered where it was measured, or a model is there to measure it", () => {
    for (const list of ["Order of the heads", "Score to filter by"]) {
      expect(options({}, list)).not.toContain("induction");
      expect(options({ info }, list)).toContain("induction");
      expect(options({ scores: { columns: ["induction"], rows: [] } }, list)).toContain("induction");
    }
  });

  it("is filtered by before it is measured", async () => {
    const model = fakeModel({ ...READY, info });
    const root = show(model);
    button(root, "Means, maxima, filter").click();
    const list = root.querySelector('[aria-label="Score to filter by"]') as HTMLSelectElement;
    list.value = "induction";
    list.dispatchEvent(new Event("change"));
    await settled();
    expect(model.get("filter")).toEqual(["induction", 0, 1]);
    expect(root.querySelector("footer")?.textContent).toContain("measuring…");
  });
});

describe("the legend", () => {
  it("has the numbers of the scale", () => {
    const model = fakeModel({ ...READY, scale: "log" });
    const root = show(model);
    const ticks = (): (string | null)[] => all(root, ".gw-legend span").map((one) => one.textContent);
    expect(ticks()).toEqual(["≤ 0.0001", "0.01", "1"]);
    model.hear({ scale: "linear" });
    expect(ticks()).toEqual(["0", "0.25", "0.5", "0.75", "1"]);
  });
});
