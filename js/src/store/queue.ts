// What waits for a reviewer: submitted models, and reviews that somebody reported.
import { signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { button } from "../ui";
import { licence, many, parameters } from "./format";
import { keyed } from "./keyed";
import { back } from "./panel";
import { action, loaded, type Shop } from "./shop";
import { five } from "./stars";
import type { Row } from "./types";

interface Report {
  readonly id: number;
  readonly review_id?: number;
  readonly person?: string;
  readonly words?: string;
  /** The listing that was reviewed. */
  readonly name?: string;
  /** Who wrote the review, its stars and its words. */
  readonly author?: string;
  readonly stars?: number;
  readonly review?: string;
}

/** A version that waits. */
interface Submitted extends Partial<Row> {
  readonly revision?: string;
  readonly made_by?: string;
}

interface Waiting {
  readonly rows: readonly Submitted[];
  readonly reports: readonly Report[];
}

export function queue(shop: Shop): Child {
  const store = loaded<Waiting>(
    shop,
    "queue",
    () => ({}),
    ({ rows, reports }) => ({ rows: rows as Waiting["rows"], reports: reports as Waiting["reports"] }),
  );
  const now = (): Waiting => store.there.value?.result ?? { rows: [], reports: [] };
  const waits = (): number => now().rows.length + now().reports.length;
  // Words that are being written stay while something else of the store changes.
  const models = h("div");
  const complaints = h("div");
  keyed(
    models,
    () => now().rows,
    ({ name, revision }) => `${name} ${revision}`,
    (row) => submitted(shop, row.peek()),
  );
  keyed(
    complaints,
    () => now().reports,
    ({ id }) => String(id),
    (report) => reported(shop, report.peek()),
  );
  return h(
    "div.gw-panel",
    {},
    back(shop, "Review queue"),
    () => store.error.value && h("p.gw-error", { role: "alert" }, store.error.value),
    () => {
      if (!store.there.value)
        return store.error.value === "" && h("div.gw-skeleton", { "aria-hidden": "true" }, h("i"), h("i"));
      const nothing = "Nothing waits. What is submitted, and reviews that are reported, stand here.";
      const all = `${many(now().rows.length, "model")} and ${many(now().reports.length, "report")} wait.`;
      return h("p.gw-quiet", { role: "status" }, waits() === 0 ? nothing : all);
    },
    h("div.gw-scroll", { hidden: () => waits() === 0 }, models, complaints),
  );
}

function submitted(shop: Shop, row: Submitted): HTMLElement {
  const act = action(shop);
  const name = row.name ?? "";
  const words = signal("");
  const field = h("textarea", {
    rows: 2,
    "aria-label": `Words on ${row.title ?? name}`,
    placeholder: "Words to the publisher; a rejection needs them",
    oninput: () => {
      words.value = field.value;
    },
  }) as HTMLTextAreaElement;
  const answer = (kind: "approve" | "reject"): void =>
    void act.run(kind, { name, revision: row.revision ?? null, words: words.peek() });
  const off = (): boolean => act.busy.value || !shop.live.value;
  return h(
    "div.gw-ask",
    { role: "group", "aria-label": row.title ?? name },
    h("p", {}, h("b", {}, row.title ?? name)),
    h(
      "p.gw-facts.gw-quiet",
      {},
      [
        row.publisher ?? row.made_by,
        name,
        row.revision,
        row.licence && licence(row.licence),
        row.parameters ? `${parameters(row.parameters)} parameters` : "",
      ]
        .filter(Boolean)
        .map((fact) => h("span", {}, fact as string)),
    ),
    row.summary && h("p", { dir: "auto" }, row.summary),
    field,
    () => act.error.value && h("p.gw-error", { role: "alert" }, act.error.value),
    h(
      "div.gw-group",
      {},
      button("Approve", () => answer("approve"), { class: "gw-button gw-accent", disabled: off }),
      button("Reject", () => answer("reject"), { disabled: () => off() || words.value.trim() === "" }),
      button("Look at it", () => shop.open(name, true)),
    ),
  );
}

function reported(shop: Shop, report: Report): HTMLElement {
  const act = action(shop);
  const settle = (remove: boolean): void => void act.run("settle", { report: report.id, remove });
  const of = report.name ?? (report.review_id === undefined ? "" : `number ${report.review_id}`);
  return h(
    "div.gw-ask",
    { role: "group", "aria-label": "Report" },
    h(
      "p",
      {},
      h("b", {}, "A review was reported"),
      report.person ? ` by ${report.person}` : "",
      of && h("span.gw-quiet", {}, `, of ${of}`),
    ),
    report.words && h("p", { dir: "auto" }, report.words),
    h(
      "blockquote",
      {},
      h(
        "p.gw-bar",
        {},
        report.stars !== undefined && five(report.stars),
        h("span.gw-quiet", {}, report.author ?? ""),
      ),
      report.review ? h("p.gw-words", { dir: "auto" }, report.review) : h("p.gw-quiet", {}, "No words."),
    ),
    () => act.error.value && h("p.gw-error", { role: "alert" }, act.error.value),
    h(
      "div.gw-group",
      {},
      button("Leave the review", () => settle(false), { disabled: () => act.busy.value }),
      button("Remove the review", () => settle(true), { disabled: () => act.busy.value }),
    ),
  );
}
