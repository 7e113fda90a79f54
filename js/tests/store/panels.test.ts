// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import type { Shown } from "../../src/store/types";
import { fakeModel, settled } from "../fake";
import { all, button } from "../heatmap/view";
import { answer, found, job, open, READY, row, shown } from "./shop";

describe("the queue", () => {
  it("shows of a report what it is about: the listing, the review, its author, and who says why", async () => {
    const model = fakeModel(READY);
    const root = open(model);
    button(root, "Queue").click();
    await settled();
    const report = { id: 3, review_id: 7, person: "ada", words: "It insults.", name: "gpt2" };
    const about = { author: "mallory", stars: 1, review: "<i>Fools</i>" };
    answer(model, "queue", { rows: [], reports: [{ ...report, ...about }] });
    await settled();
    const shownReport = root.querySelector("[aria-label=Report]") as HTMLElement;
    expect(shownReport.textContent).toContain("A review was reported by ada, of gpt2");
    expect(shownReport.querySelector("blockquote")?.textContent).toContain("mallory<i>Fools</i>");
    button(root, "Remove the review").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "settle", report: 3, remove: true });
  });
});

describe("what is being written", () => {
  it("stays in the queue while something else of the store changes", async () => {
    const model = fakeModel(READY);
    const root = open(model);
    button(root, "Queue").click();
    await settled();
    const rows = [{ name: "mine", title: "Mine", revision: "v1" }];
    answer(model, "queue", { rows, reports: [] });
    await settled();
    const field = root.querySelector("textarea") as HTMLTextAreaElement;
    field.value = "Say more of";
    model.hear({ changes: 1 });
    await settled();
    answer(model, "queue", { rows: [...rows, { name: "other", revision: "v1" }], reports: [] });
    await settled();
    expect(all(root, "textarea")).toHaveLength(2);
    expect(root.querySelector("textarea")).toBe(field);
  });

  it("of a report stays too, and that it was sent", async () => {
    const review = { id: 7, person: "bea", stars: 2, words: "no", changed_at: null };
    const model = fakeModel({ ...READY, selected: "a" });
    const root = open(model);
    await settled();
    answer(model, "show", { shown: shown("a", { reviews: [review] }) });
    await settled();
    all<HTMLInputElement>(root, ".gw-tabs input")[3]?.click();
    await settled();
    button(root, "Report").click();
    button(root, "Report").click();
    answer(model, "report");
    model.hear({ changes: 1 });
    await settled();
    answer(model, "show", { shown: shown("a", { reviews: [review] }) });
    await settled();
    expect(root.querySelector(".gw-opinion [role=status]")?.textContent).toContain("Reported");
  });
});

describe("a button under the hand", () => {
  it.each([
    ["Submit", 4, { listing: { ...row("a"), origin: "user", status: "draft" } }],
    ["Take back", 3, {}],
  ])("stays while the store is read anew: %s", async (label, tab, more) => {
    const read = (): object => {
      const versions = [{ status: "draft", revision: null, made_at: null }];
      const reviews = [{ id: 7, person: "ada", stars: 2, words: "so", changed_at: null }];
      return shown("a", { versions, reviews, ...more } as unknown as Partial<Shown>);
    };
    const model = fakeModel({ ...READY, selected: "a" });
    const root = open(model);
    await settled();
    answer(model, "show", { shown: read() });
    await settled();
    all<HTMLInputElement>(root, ".gw-tabs input")[tab]?.click();
    await settled();
    const pressed = button(root, label);
    model.hear({ changes: 1, jobs: [job({ name: "b" })] });
    await settled();
    answer(model, "show", { shown: read() });
    await settled();
    expect(button(root, label)).toBe(pressed);
  });
});

describe("where to look", () => {
  const segment = (root: HTMLElement, label: string): HTMLInputElement =>
    all<HTMLLabelElement>(root, ".gw-controls label")
      .find((one) => one.textContent === label)
      ?.querySelector("input") as HTMLInputElement;

  it("is the catalogue, this machine or the Hub, and says what is missing in one quiet line", async () => {
    const model = fakeModel(READY);
    const root = open(model);
    expect(segment(root, "Catalogue").checked).toBe(true);
    segment(root, "Hub").click();
    await settled();
    expect(model.get("source")).toBe("hub");
    const missing = ["The Hugging Face Hub cannot be searched: there is no network."];
    model.hear({ found: found([], { source: "hub", missing }) });
    expect(root.querySelector(".gw-notes")?.textContent).toContain("there is no network");
    expect(root.querySelector(".gw-empty h3")?.textContent).toBe("The Hub was not searched");
    button(root, "Back to the catalogue").click();
    await settled();
    expect(model.get("source")).toBeNull();
    model.hear({ found: found([row("a")], { source: "machine" }) });
    expect(root.querySelector(".gw-count")?.textContent).toContain("1 model on this machine");
  });

  it("offers the Hub where the catalogue has nothing", async () => {
    const model = fakeModel({ ...READY, found: found([]), query: "xyz" });
    const root = open(model);
    button(root, "Search the Hugging Face Hub").click();
    await settled();
    expect(model.get("source")).toBe("hub");
  });

  it("lets a model that lies here be loaded from where it is, or installed", async () => {
    const here = row("/models/mine", { origin: "machine", licence: "" });
    const model = fakeModel({ ...READY, found: found([here]), selected: here.name });
    const root = open(model);
    await settled();
    answer(model, "show", { shown: shown(here.name, { listing: here }) });
    await settled();
    expect(root.querySelector(".gw-here")?.textContent).toBe("on this machine");
    expect(button(root, "Install · 270 MB")).toBeDefined();
    button(root, "Load").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "load", name: "/models/mine" });
  });
});
