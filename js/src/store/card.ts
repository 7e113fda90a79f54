// A listing at a glance: what it is for, how large, how good, whether it fits and is here.
import type { ReadonlySignal } from "@preact/signals-core";
import { type Child, h, type Props } from "../dom";
import { button } from "../ui";
import { bytes, context, fixed, licence, many, parameters, speed } from "./format";
import { briefly, ended, jobOf } from "./jobs";
import type { Shop } from "./shop";
import { starLine } from "./stars";
import type { Row, Verdict } from "./types";

export function card(shop: Shop, row: ReadonlySignal<Row>, attributes: Props): HTMLElement {
  const now = row; // follows its listing
  return h(
    "article.gw-offer",
    { ...attributes, "aria-label": () => spoken(now.value, shop.traits.verdicts.value[now.value.name]) },
    h(
      "div.gw-what",
      { role: "gridcell" },
      h("h3", { title: () => now.value.title }, () => now.value.title),
      h("p.gw-quiet.gw-by", {}, () => [
        now.value.publisher,
        h("span", {}, now.value.use_cases.slice(0, 3).join(", ")),
      ]),
      h("p.gw-summary", { dir: "auto" }, () => now.value.summary),
      h("p.gw-facts", {}, () => facts(now.value)),
      h("p.gw-facts", {}, () => [starLine(now.value.stars, now.value.reviews), measured(now.value)]),
      h(
        "p.gw-fit",
        {
          "data-fits": () => mark(verdict(shop, now.value)),
          title: () => verdict(shop, now.value)?.why,
        },
        () => sentence(verdict(shop, now.value)),
      ),
    ),
    h(
      "div.gw-corner",
      { role: "gridcell" },
      here(shop, now),
      compareButton(shop, () => now.value),
    ),
  );
}

const verdict = ({ traits }: Shop, { name }: Row): Verdict | undefined => traits.verdicts.value[name];

/** "yes", "no", "unknown", or "" while it is being found out. */
export const mark = (one: Verdict | undefined): string =>
  one ? (one.fits === null ? "unknown" : one.fits ? "yes" : "no") : "";

/** Whether it fits here, and by how much, in a line; a space keeps the room until it is known. */
export function sentence(one: Verdict | undefined): string {
  if (!one) return "\u00a0";
  const { fits, why, total, free } = one;
  if (fits === null || total === null || free === null) return why;
  return fits
    ? `Fits here: needs ${bytes(total)} of ${bytes(free)} free`
    : `Does not fit here: needs ${bytes(total)}, ${bytes(free)} free`;
}

function facts(row: Row): Child {
  const parts = [
    [parameters(row.parameters), "Parameters"],
    [bytes(row.memory_bytes), "Memory that it needs, roughly"],
    [`${context(row.context_length)} context`, "Tokens that it can read at once"],
    [licence(row.licence), "Licence"],
  ] as const;
  return parts.map(([shown, title]) => h("span", { title }, shown));
}

function measured(row: Row): Child {
  return (
    row.tokens_per_second !== null &&
    h(
      "span",
      { title: "Measured on this computer" },
      h("b", {}, speed(row.tokens_per_second)),
      " tokens/s here",
    )
  );
}

/** In the corner: installed, or on the way. */
function here({ traits }: Shop, row: ReadonlySignal<Row>): Child {
  return h("span.gw-here", {}, () => {
    const job = jobOf(traits.jobs.value, row.value.name, "install", "load", "measure");
    if (job && !ended(job)) {
      return briefly(job);
    }
    if (traits.modelName.value === row.value.name) return "loaded";
    if (row.value.installed) return "installed";
    return row.value.origin === "machine" ? "on this machine" : "";
  });
}

export function compareButton(shop: Shop, row: () => Row): Child {
  const on = (): boolean => shop.traits.compared.value.includes(row().name);
  return button("Compare", () => shop.compare(row().name), {
    tabindex: -1, // the keys have C
    "aria-pressed": on,
    "aria-label": () => `Compare ${row().title}`,
    title: "Side by side with others (C)",
  });
}

/** The card as one sentence. */
export function spoken(row: Row, fits: Verdict | undefined): string {
  const said = [
    row.title,
    row.summary,
    `${parameters(row.parameters)} parameters`,
    licence(row.licence),
    row.stars === null
      ? "no stars yet"
      : `${fixed(row.stars, 1)} stars of ${many(row.reviews ?? 0, "review")}`,
    row.installed ? "installed" : "",
    fits ? sentence(fits) : "",
  ];
  return said.filter(Boolean).join(". ");
}
