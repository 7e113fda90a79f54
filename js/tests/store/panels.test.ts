// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { fakeModel, settled } from "../fake";
import { button } from "../heatmap/view";
import { answer, open, READY } from "./shop";

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
