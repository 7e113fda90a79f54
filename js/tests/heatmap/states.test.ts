// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { fakeModel } from "../fake";
import { READY, WORDS } from "./record";
import { button, show } from "./view";

describe("states", () => {
  it("invites to write a text where there is none", () => {
    const root = show(fakeModel({ status: "empty", editable: true, info: { name: "m" } }));
    expect(root.querySelector(".gw-card textarea")).not.toBeNull();
    expect(root.querySelector(".gw-text")).toBeNull();
  });

  it("says how far a job is, and stops it", () => {
    const progress = { stage: "recording", done: 12, total: 30, unit: "layers", seconds_left: 8.4 };
    const model = fakeModel({ status: "recording", progress });
    const root = show(model);
    expect(root.querySelector(".gw-card")?.textContent).toContain("12 of 30 layers · 40 % · about 8 s left");
    button(root, "Stop").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "stop" });
    model.hear({ progress: { stage: "downloading", done: 50e6, total: 93e6, unit: "B" } });
    expect(root.querySelector(".gw-card")?.textContent).toContain("50 of 93 MB");
  });

  it("shows an error as text, and what to do", () => {
    const error = { type: "OutOfMemory", message: "<b>bad</b>", action: "Try another text." };
    const root = show(fakeModel({ status: "error", error, editable: true }));
    const card = root.querySelector("[role=alert]") as HTMLElement;
    expect(card.textContent).toContain("<b>bad</b>");
    expect(card.textContent).toContain("Try another text.");
    expect(card.querySelector("b")).toBeNull();
    expect(button(card, "Change the text")).toBeDefined();
  });

  it("leads back to the text before, where there was one", () => {
    const error = { type: "TextError", message: "Nothing to read.", action: "Change the text." };
    const first = show(fakeModel({ status: "error", error, editable: true }));
    expect(button(first, "Back to the text before")).toBeUndefined();
    const model = fakeModel({ ...READY, status: "error", error, editable: true });
    button(show(model), "Back to the text before").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "back" });
  });

  it("offers only another text where the text is at fault", () => {
    const error = { type: "TextError", message: "Nothing to read.", action: "Change the text." };
    const card = show(fakeModel({ status: "error", error, editable: true })).querySelector("[role=alert]");
    expect(card?.textContent).toBe("This did not workNothing to read.Change the text");
  });

  it("records the same text again after an error", () => {
    const model = fakeModel({ status: "error", error: { message: "Stopped." }, editable: true });
    button(show(model), "Record again").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "again" });
  });

  it("shows a job that runs beside the pictures in the overview's last line, and stops it", () => {
    const model = fakeModel({ ...READY, progress: { stage: "exact scores", done: 0.4, total: 1 } });
    const footer = show(model).querySelector(".gw-overview footer") as HTMLElement;
    expect(footer.textContent).toContain("exact scores · 40 %");
    expect(footer.querySelector(".gw-card")).toBeNull();
    button(footer, "stop").click();
    expect(model.sent.at(-1)).toMatchObject({ kind: "stop" });
  });

  it("keeps the pictures of a closed model, with a note", () => {
    const root = show(fakeModel({ ...READY, status: "closed" }));
    expect(root.querySelector(".gw-card")).toBeNull();
    expect(root.querySelector(".gw-notes")?.textContent).toContain("closed");
    expect(root.querySelector(".gw-flow")?.textContent).toBe(WORDS.join(""));
  });

  it("says calmly that a job was stopped", () => {
    const error = { type: "Cancelled", message: "Stopped before it was finished." };
    const card = show(fakeModel({ status: "error", error, editable: true })).querySelector(".gw-card");
    expect(card?.getAttribute("role")).toBe("status");
    expect(card?.querySelector("h3")?.textContent).toBe("Stopped");
  });

  it("speaks of no pictures where a model was closed before there were any", () => {
    const root = show(fakeModel({ status: "closed" }));
    expect(root.querySelector(".gw-notes")).toBeNull();
    expect(root.querySelector(".gw-card h3")?.textContent).toBe("Closed");
  });

  it("says so where no kernel answers", async () => {
    vi.useFakeTimers();
    const root = show(fakeModel(READY));
    await vi.advanceTimersByTimeAsync(8100);
    expect(root.querySelector(".gw-notes")?.textContent).toContain("No kernel answers");
    vi.useRealTimers();
  });
});
