// Up to four listings side by side: a column each, a row a figure, with bars where figures can be compared.

import { type Child, h } from "../dom";
import { svg } from "../svg";
import { button, iconButton } from "../ui";
import { sentence } from "./card";
import { bytes, context, fixed, licence, parameters, seconds, speed } from "./format";
import { back } from "./panel";
import { loaded, type Shop } from "./shop";
import { starLine } from "./stars";

type Compared = Readonly<Record<string, unknown>>;

interface Figure {
  readonly key: string;
  readonly label: string;
  /** Which is better; undefined where neither is. */
  readonly best?: "most" | "least";
  readonly show: (value: number) => string;
}

const FIGURES: readonly Figure[] = [
  { key: "tokens_per_second", label: "Tokens per second", best: "most", show: speed },
  { key: "first_token_s", label: "Time to first token", best: "least", show: seconds },
  { key: "bits_per_byte", label: "Bits per byte", best: "least", show: (value) => fixed(value, 2) },
  { key: "peak_bytes", label: "Peak memory, measured", best: "least", show: bytes },
  { key: "memory_bytes", label: "Memory", best: "least", show: bytes },
  { key: "parameters", label: "Parameters", show: parameters },
  { key: "context_length", label: "Context", best: "most", show: context },
];

const number = (row: Compared, key: string): number | null => {
  const value = row[key];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
};

/** Which of several values are the best; nothing where fewer than two are known. */
export function best(
  values: readonly (number | null)[],
  which: "most" | "least" | undefined,
): readonly boolean[] {
  const known = values.filter((value): value is number => value !== null);
  if (which === undefined || known.length < 2) return values.map(() => false);
  const wanted = which === "most" ? Math.max(...known) : Math.min(...known);
  return values.map((value) => value === wanted);
}

export function compare(shop: Shop): Child {
  const { traits } = shop;
  const store = loaded(
    shop,
    "compare",
    () => (traits.compared.value.length > 0 ? { names: traits.compared.value } : null),
    ({ rows }) => rows as readonly Compared[],
  );
  return h(
    "div.gw-panel",
    {},
    back(shop, "Side by side"),
    () => store.error.value && h("p.gw-error", { role: "alert" }, store.error.value),
    () => {
      const names = traits.compared.value;
      const rows = (store.there.value?.result ?? []).filter((row) => names.includes(String(row["name"])));
      if (names.length === 0)
        return h("p.gw-quiet", {}, "Choose up to four models in the list by their button Compare, or by C.");
      if (rows.length === 0)
        return h("div.gw-skeleton", { "aria-hidden": "true" }, h("i"), h("i"), h("i"), h("i"));
      return h("div.gw-scroll", {}, table(shop, rows));
    },
    () =>
      traits.compared.value.length === 1 &&
      h("p.gw-quiet", {}, "One more, and there is something to compare."),
  );
}

function table(shop: Shop, rows: readonly Compared[]): Child {
  const { traits, open, compare: turn } = shop;
  return h(
    "table.gw-versus",
    {},
    h("caption.gw-hidden", {}, "Models side by side"),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("td"),
        rows.map((row) => {
          const name = String(row["name"]);
          const title = String(row["title"] ?? name);
          return h(
            "th",
            { scope: "col" },
            h(
              "div.gw-bar",
              {},
              button(title, () => open(name, true), { class: "gw-link", title: `Open ${title}` }),
              h("span.gw-push"),
              iconButton("close", `Take ${title} out`, () => turn(name)),
            ),
          );
        }),
      ),
    ),
    h(
      "tbody",
      {},
      FIGURES.map((figure) => figureRow(rows, figure)),
      textRow(rows, "Licence", (row) => licence(String(row["licence"] ?? ""))),
      textRow(rows, "Stars", (row) => starLine(number(row, "stars"), number(row, "reviews"))),
      textRow(rows, "Fits here", (row) => () => {
        const verdict = traits.verdicts.value[String(row["name"])];
        return verdict ? sentence(verdict) : "–";
      }),
    ),
  );
}

const textRow = (rows: readonly Compared[], label: string, cell: (row: Compared) => Child): Child =>
  h(
    "tr",
    {},
    h("th", { scope: "row" }, label),
    rows.map((row) => h("td", {}, cell(row))),
  );

function figureRow(rows: readonly Compared[], { key, label, best: which, show }: Figure): Child {
  const values = rows.map((row) => number(row, key));
  const most = Math.max(...values.map((value) => value ?? 0), 0);
  const good = best(values, which);
  const hint = which && `${which === "most" ? "More" : "Less"} is better`;
  return h(
    "tr",
    {},
    h("th", { scope: "row", title: hint }, label),
    values.map((value, at) =>
      h(
        "td",
        { "data-best": good[at] },
        value === null
          ? h("span.gw-quiet", {}, "not measured")
          : [
              h("span", {}, show(value), good[at] ? h("span.gw-hidden", {}, ", the best") : ""),
              barOf(most > 0 ? value / most : 0),
            ],
      ),
    ),
  );
}

/** A bar of this share, from 0 to 1. */
const barOf = (part: number): Node =>
  svg(
    "svg",
    { class: "gw-meter", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "gw-meter-all", width: 100, height: 4 }),
    svg("rect", { class: "gw-meter-part", width: Math.max(0.5, 100 * part), height: 4 }),
  );
