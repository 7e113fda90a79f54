// The listings as a table: a press on a column's head sorts by it.
import { batch, type ReadonlySignal } from "@preact/signals-core";
import { type Child, h, type Props } from "../dom";
import { mark } from "./card";
import { bytes, context, fixed, licence, parameters, seconds, speed } from "./format";
import { briefly, ended, jobOf } from "./jobs";
import type { Shop } from "./shop";
import { ariaSort, turned } from "./sorting";
import { starLine } from "./stars";
import type { Row } from "./types";

interface Column {
  readonly head: string;
  readonly title?: string;
  /** What it sorts by; none where it does not. */
  readonly sort?: string;
  readonly cell: (row: Row, shop: Shop) => Child;
  readonly kind: "text" | "number";
}

const COLUMNS: readonly Column[] = [
  {
    head: "Model",
    sort: "name",
    kind: "text",
    cell: (row) => [h("b", {}, row.title), h("span.gw-quiet", {}, ` ${row.publisher}`)],
  },
  { head: "For", kind: "text", cell: (row) => row.use_cases.slice(0, 2).join(", ") },
  {
    head: "Size",
    title: "Parameters",
    sort: "parameters",
    kind: "number",
    cell: (row) => parameters(row.parameters),
  },
  {
    head: "Memory",
    title: "Memory that it needs, roughly",
    sort: "memory",
    kind: "number",
    cell: (row) => bytes(row.memory_bytes),
  },
  {
    head: "Context",
    title: "Tokens that it can read at once",
    sort: "context",
    kind: "number",
    cell: (row) => context(row.context_length),
  },
  { head: "Licence", kind: "text", cell: (row) => licence(row.licence) },
  {
    head: "Stars",
    title: "Ordered by what is certain of their mean",
    sort: "stars",
    kind: "number",
    cell: (row) => (row.stars === null ? "–" : starLine(row.stars, row.reviews)),
  },
  {
    head: "Tokens/s",
    title: "Measured on this computer",
    sort: "tokens_per_second",
    kind: "number",
    cell: (row) => speed(row.tokens_per_second),
  },
  {
    head: "First token",
    title: "Measured on this computer",
    sort: "first_token",
    kind: "number",
    cell: (row) => seconds(row.first_token_s),
  },
  {
    head: "Bits/byte",
    title: "On a fixed text, measured on this computer; less is better",
    sort: "bits_per_byte",
    kind: "number",
    cell: (row) => fixed(row.bits_per_byte, 2),
  },
  {
    head: "Here",
    kind: "text",
    cell: (row, { traits }) => {
      const verdict = traits.verdicts.value[row.name];
      const job = jobOf(traits.jobs.value, row.name, "install");
      const words = { yes: "fits", no: "does not fit", unknown: "fits?", "": "" }[mark(verdict)];
      const on = job && !ended(job) ? briefly(job) : row.installed ? "installed" : "";
      return h(
        "span.gw-fit",
        { "data-fits": mark(verdict), title: verdict?.why },
        [words, on].filter(Boolean).join(", "),
      );
    },
  },
];

export function tableHead(shop: Shop): Child {
  const { traits } = shop;
  const order = (): { sort: string; descending: boolean | null } => ({
    sort: traits.sort.value,
    descending: traits.descending.value,
  });
  return h(
    "thead",
    { role: "rowgroup" },
    h(
      "tr",
      { role: "row" },
      h("th", { role: "columnheader" }, h("span.gw-hidden", {}, "Compare")),
      COLUMNS.map(({ head, title, sort, kind }) =>
        h(
          "th",
          {
            role: "columnheader",
            "data-kind": kind,
            title,
            ...(sort && { "aria-sort": () => ariaSort(order(), sort) }),
          },
          sort
            ? h(
                "button.gw-sort",
                {
                  type: "button",
                  onclick: () => {
                    const next = turned(order(), sort);
                    batch(() => {
                      traits.sort.value = next.sort;
                      traits.descending.value = next.descending;
                    });
                  },
                },
                head,
              )
            : head,
        ),
      ),
    ),
  );
}

export function tableRow(shop: Shop, row: ReadonlySignal<Row>, attributes: Props): HTMLElement {
  return h(
    "tr",
    attributes,
    h(
      "td",
      { role: "gridcell" },
      h(
        "label",
        { title: "Compare (C)" },
        h("input", {
          type: "checkbox",
          tabindex: -1,
          "aria-label": () => `Compare ${row.value.title}`,
          checked: () => shop.traits.compared.value.includes(row.value.name),
          onclick: (event: Event) => {
            event.preventDefault(); // the list of names says what is checked
            setTimeout(() => shop.compare(row.value.name));
          },
        }),
      ),
    ),
    COLUMNS.map(({ cell, kind }) =>
      h("td", { role: "gridcell", "data-kind": kind }, () => cell(row.value, shop)),
    ),
  );
}
