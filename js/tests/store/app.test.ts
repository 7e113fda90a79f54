// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { fakeModel, settled } from "../fake";
import { all, button, press } from "../heatmap/view";
import { answer, found, job, open, READY, row, shown, views } from "./shop";

const cards = (root: HTMLElement): HTMLElement[] =>
  all<HTMLElement>(root, "[role=grid] [role=row][data-name]");
const TERMS = { licence: "LicenseRef-Gemma", accept: true, words: "Be good.", link: null };
const rested = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 160));

describe("searching", () => {
  it("tells the kernel when the typing rests", async () => {
    const model = fakeModel(READY);
    const root = open(model);
    const field = root.querySelector<HTMLInputElement>(".gw-search") as HTMLInputElement;
    for (const words of ["s", "sm", "small"]) {
      field.value = words;
      field.dispatchEvent(new Event("input"));
    }
    expect(model.get("query")).toBeUndefined();
    await rested();
    expect(model.get("query")).toBe("small");
    expect(model.saved.times).toBe(1);
  });

  it("keeps the cards that stay, and the focus on them", async () => {
    const model = fakeModel(READY);
    const root = open(model);
    const before = cards(root);
    before[1]?.focus();
    model.hear({ found: found([row("b", { stars: 1 }), row("d"), row("a")]) });
    const after = cards(root);
    expect(after.map((card) => card.dataset["name"])).toEqual(["b", "d", "a"]);
    expect([after[0], after[2]]).toEqual([before[1], before[0]]);
    expect(document.activeElement).toBe(after[0]);
    expect(after[0]?.textContent).toContain("★ 1.0");
    expect(after.filter((card) => card.tabIndex === 0)).toEqual([after[0]]);
  });

  it("says what was searched for instead, and capped counts", () => {
    const model = fakeModel({
      ...READY,
      found: found([row("a")], { total: 10_000, capped: true, corrected: "small", words: "smal" }),
    });
    expect(open(model).querySelector(".gw-count")?.textContent).toContain(
      "10,000+ models: showing results for small, not for “smal”",
    );
  });

  it("says what to do where nothing was found, and where the search failed", async () => {
    const model = fakeModel({ ...READY, found: found([]), query: "xyz", licence: "MIT" });
    const root = open(model);
    expect(root.querySelector(".gw-empty h3")?.textContent).toBe("No model for “xyz”");
    button(root, "Take the conditions away").click();
    await settled();
    expect(model.get("licence")).toBeNull();
    model.hear({ status: "error", error: { message: "The file cannot be read." } });
    expect(root.querySelector("[role=alert]")?.textContent).toContain("The file cannot be read.");
    button(root, "Search again").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "search" });
  });

  it("narrows by what it is for, with counts, and no longer", async () => {
    const model = fakeModel(READY);
    const root = open(model);
    const chat = all<HTMLButtonElement>(root, ".gw-uses button")[0] as HTMLButtonElement;
    expect(all(root, ".gw-uses button").map((one) => one.textContent)).toEqual(["chat2", "code0"]);
    chat.click();
    await settled();
    expect(model.get("use_case")).toBe("chat");
    expect(chat.getAttribute("aria-pressed")).toBe("true");
    chat.click();
    await settled();
    expect(model.get("use_case")).toBeNull();
  });

  it("shows what publishers wrote as text", () => {
    const nasty = "<img src=x onerror=alert(1)>";
    const root = open(
      fakeModel({ ...READY, found: found([row("a", { title: nasty, summary: nasty, publisher: nasty })]) }),
    );
    expect(root.querySelector("img")).toBeNull();
    expect(cards(root)[0]?.textContent).toContain(nasty);
  });
});

describe("the keys", () => {
  it("walk, open, come back and search", async () => {
    const model = fakeModel(READY);
    const root = open(model);
    const [first, second] = cards(root) as [HTMLElement, HTMLElement];
    first.focus();
    press(first, "ArrowRight");
    expect(document.activeElement).toBe(second);
    press(second, "Enter");
    await settled();
    expect(model.get("selected")).toBe("b");
    expect(document.activeElement).toBe(root.querySelector(".gw-detail h3"));
    press(document.activeElement as Element, "Escape");
    await settled();
    expect(model.get("selected")).toBeNull();
    expect(document.activeElement).toBe(second);
    press(second, "/");
    expect(document.activeElement).toBe(root.querySelector(".gw-search"));
  });

  it("choose what is compared, four at most", async () => {
    const model = fakeModel({ ...READY, compared: ["w", "x", "y"] });
    const root = open(model);
    const [first, second] = cards(root) as [HTMLElement, HTMLElement];
    press(first, "c");
    press(second, "c");
    await settled();
    expect(model.get("compared")).toEqual(["w", "x", "y", "a"]);
    expect(root.querySelector(".gw-notes")?.textContent).toContain("Four models");
    press(first, "c");
    await settled();
    expect(model.get("compared")).toEqual(["w", "x", "y"]);
  });

  it("sort the table by its heads", async () => {
    const model = fakeModel({ ...READY, view: "table" });
    const root = open(model);
    const head = button(root, "Stars");
    head.click();
    await settled();
    expect([model.get("sort"), model.get("descending")]).toEqual(["stars", true]);
    head.click();
    await settled();
    expect(model.get("descending")).toBe(false);
    expect(head.closest("th")?.getAttribute("aria-sort")).toBe("ascending");
  });
});

describe("an open listing", () => {
  async function opened(more: object = {}, about = shown("a")) {
    const model = fakeModel({ ...READY, selected: "a", ...more });
    const root = open(model);
    await settled();
    answer(model, "show", { shown: about });
    await settled();
    const part = (name: string): boolean | undefined =>
      all<HTMLInputElement>(root, ".gw-tabs label")
        .find((label) => label.textContent === name)
        ?.querySelector("input")
        ?.dispatchEvent(new Event("change"));
    return { model, root, part, detail: root.querySelector(".gw-detail") as HTMLElement };
  }

  it("stands there at once with what the list knows, then with its card", async () => {
    const model = fakeModel({ ...READY, selected: "a" });
    const root = open(model);
    expect(root.querySelector(".gw-detail h3")?.textContent).toBe("A");
    expect(root.querySelector(".gw-detail .gw-skeleton")).not.toBeNull();
    await settled();
    answer(model, "show", { shown: shown("a") });
    await settled();
    expect(root.querySelector(".gw-markdown strong")?.textContent).toBe("card");
    expect(root.querySelector("script")).toBeNull();
    expect(root.querySelector(".gw-markdown")?.textContent).toContain("<script>");
  });

  it("asks for the newest one only", async () => {
    const { model, root } = await opened();
    await settled();
    model.hear({ selected: "b" });
    model.hear({ selected: "c" });
    expect(model.sent.filter(({ type }) => type === "cancel").length).toBe(1);
    answer(model, "show", { shown: shown("c") });
    await settled();
    expect(root.querySelector(".gw-markdown")?.textContent).toContain("c");
  });

  it("is installed with a bar, stopped, and gone on with", async () => {
    const { model, detail } = await opened();
    button(detail, "Install · 270 MB").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "install", name: "a" });
    answer(model, "install", { job: "1" });
    model.hear({ jobs: [job()] });
    await settled();
    expect(detail.querySelector("progress")?.getAttribute("aria-label")).toBe("Installing a");
    expect(detail.querySelector(".gw-figures")?.textContent).toContain("about 17 s left");
    button(detail, "Stop Installing a").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "cancel", job: "1" });
    model.hear({ jobs: [job({ state: "cancelled" })] });
    await settled();
    expect(button(detail, "Resume the install")).toBeDefined();
  });

  it("keeps the button under the hand while a job's figures change", async () => {
    const { model, detail } = await opened({ jobs: [job()] });
    const stop = button(detail, "Stop Installing a");
    model.hear({ jobs: [job({ done: 260e6 })] });
    expect(button(detail, "Stop Installing a")).toBe(stop);
    expect(detail.querySelector(".gw-figures")?.textContent).toContain("48 %");
  });

  it("has its licence accepted first, where that is wanted", async () => {
    const gated = row("a", { gated: true, licence: "LicenseRef-Gemma" });
    const about = shown("a", { listing: { ...gated, terms: TERMS } });
    const { model, detail } = await opened({ found: found([gated]) }, about);
    await settled();
    button(detail, "Install · 270 MB").click();
    expect(model.sent.some(({ kind }) => kind === "install")).toBe(false);
    expect(detail.querySelector(".gw-ask .gw-terms")?.textContent).toContain("Gemma: Be good.");
    expect(button(detail, "Install").disabled).toBe(true);
    detail.querySelector<HTMLInputElement>(".gw-check input")?.dispatchEvent(new Event("change"));
    button(detail, "Install").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "install", name: "a", accept: true });
  });

  it("says on its card what its licence allows, and asks for it though nobody gates it", async () => {
    const terms = { ...TERMS, link: "https://example.org/licence" };
    const { model, detail } = await opened({}, shown("a", { listing: { ...row("a"), terms } }));
    await settled();
    const said = detail.querySelector(".gw-part .gw-terms") as HTMLElement;
    expect(said.textContent).toContain("Gemma: Be good. Read it");
    expect(said.querySelector("a")?.href).toBe("https://example.org/licence");
    button(detail, "Install · 270 MB").click();
    expect(model.sent.some(({ kind }) => kind === "install")).toBe(false);
  });

  it("is removed after a word, where it stands", async () => {
    const { model, detail } = await opened(
      { found: found([row("a", { installed: true })]) },
      shown("a", { listing: row("a", { installed: true }) }),
    );
    button(detail, "Remove").click();
    expect(model.sent.some(({ kind }) => kind === "remove")).toBe(false);
    button(detail, "Remove").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "remove", name: "a" });
  });

  it("says in its place what went wrong", async () => {
    const { model, detail } = await opened();
    button(detail, "Install · 270 MB").click();
    const asked = model.sent.at(-1);
    model.reply(asked.id, { ok: false, error: { type: "StoreError", message: "No room on the disk." } });
    await settled();
    expect(detail.querySelector(".gw-actions [role=alert]")?.textContent).toBe("No room on the disk.");
  });

  it("is reviewed by stars and words, and what others wrote is reported", async () => {
    const review = { id: 7, person: "bea", stars: 2, words: "<b>no</b>", changed_at: null };
    const { model, detail, part } = await opened({}, shown("a", { reviews: [review] }));
    await settled();
    part("Reviews");
    expect(detail.querySelector(".gw-opinion p:nth-child(2)")?.textContent).toBe("<b>no</b>");
    button(detail, "Write a review").click();
    press(detail.querySelector(".gw-picker") as Element, "4");
    const words = detail.querySelector("textarea") as HTMLTextAreaElement;
    words.value = "Good.";
    model.hear({ changes: 1 }); // something else of the store changed meanwhile
    answer(model, "show", { shown: shown("a", { reviews: [review] }) });
    await settled();
    expect(detail.querySelector("textarea")).toBe(words);
    button(detail, "Save").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "review", name: "a", stars: 4, words: "Good." });
    button(detail, "Report").click();
    button(detail, "Report").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "report", review: 7 });
  });
});

describe("a view", () => {
  it("leaves nothing behind", () => {
    const model = fakeModel(READY);
    const before = model.listeners();
    const root = open(model);
    expect(model.listeners()).toBeGreaterThan(before);
    for (const end of views.splice(0)) end();
    expect(root.isConnected).toBe(false);
    expect(model.listeners()).toBe(before);
  });

  it("of a saved notebook says so and offers nothing that needs a kernel", async () => {
    const model = fakeModel({ ...READY, selected: "a" });
    const root = open(model);
    model.hear({ status: "closed" });
    await settled();
    expect(root.querySelector(".gw-notes")?.textContent).toContain("closed");
    expect(button(root, "Install · 270 MB").disabled).toBe(true);
  });
});
