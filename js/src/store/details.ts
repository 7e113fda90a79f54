// One listing: what there is to do with it, its card, whether it fits, its figures, its reviews, its versions.
import { computed, signal, untracked } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { blocks } from "../markdown";
import { choice, iconButton } from "../ui";
import { actions } from "./actions";
import { mark } from "./card";
import { fit } from "./fit";
import { context, language, licence, parameters, withoutFrontMatter } from "./format";
import { measurements } from "./measurements";
import { reviews } from "./reviews";
import { type Loaded, loaded, type Shop } from "./shop";
import { starLine } from "./stars";
import { termsOf } from "./terms";
import type { Row, Shown } from "./types";
import { versions } from "./versions";

type Tab = "card" | "fit" | "figures" | "reviews" | "versions";
const LONGEST = 60_000; // characters of a card that are laid out

/** The part of a listing that a tab shows. */
export type Part = (shop: Shop, shown: () => Shown) => Child;

const PARTS: Readonly<Record<Tab, Part>> = { card: about, fit, figures: measurements, reviews, versions };

export function details(shop: Shop): Child {
  const { traits, rows, close } = shop;
  const name = (): string => traits.selected.value ?? "";
  const store = loaded(
    shop,
    "show",
    () => (name() ? { name: name() } : null),
    (content) => content["shown"] as Shown,
  );
  /** All of it; undefined for another one that was asked before. */
  const shown = computed(() =>
    store.there.value?.asked["name"] === name() ? store.there.value.result : undefined,
  );
  /** What the list knows of it stands there at once. */
  const row = computed(
    (): Row | undefined => shown.value?.listing ?? rows.value.find((one) => one.name === name()),
  );
  const tab = signal<Tab>("card");
  return [
    h(
      "header.gw-head",
      {},
      h(
        "div.gw-bar",
        {},
        iconButton("back", "Back to the list (Escape)", close, { class: "gw-button gw-backward" }),
        h("h3", { tabindex: -1, title: () => row.value?.title }, () => row.value?.title ?? name()),
        h("span.gw-push"),
        iconButton("close", "Close (Escape)", close, { class: "gw-button gw-shut" }),
      ),
      h("p.gw-quiet.gw-facts", {}, () => row.value && who(row.value)),
      h("p.gw-facts", {}, () => row.value && glance(row.value)),
      h(
        "p.gw-fit",
        { "data-fits": () => mark(traits.verdicts.value[name()]) },
        () => traits.verdicts.value[name()]?.why ?? "\u00a0",
      ),
      () => name() !== "" && h("div", {}, actions(shop, name(), row, shown)),
    ),
    h(
      "div.gw-tabs",
      {},
      choice("Part", tab, [
        ["card", "Card"],
        ["fit", "Fit"],
        ["figures", "Figures"],
        ["reviews", "Reviews"],
        ["versions", "Versions"],
      ]),
    ),
    h("div.gw-scroll.gw-part", {}, part(shop, store, shown, tab)),
  ];
}

function part(
  shop: Shop,
  store: Loaded<Shown>,
  shown: { readonly value: Shown | undefined },
  tab: { readonly value: Tab },
): Child {
  // Made anew for another listing or tab only: what is being written stays while the store changes.
  const there = computed(() => shown.value !== undefined);
  const failed = computed(() => (there.value ? "" : store.error.value));
  let last: Shown | undefined;
  const now = (): Shown => {
    last = shown.value ?? last;
    return last as Shown;
  };
  return () => {
    void shop.traits.selected.value;
    if (failed.value) return h("p.gw-error", { role: "alert" }, failed.value);
    if (there.value) {
      const make = PARTS[tab.value];
      return h(
        "div",
        {},
        untracked(() => make(shop, now)),
      );
    }
    if (shop.connection.value === "silent") return h("p.gw-quiet", {}, "Run the cell to read more of it.");
    return h("div.gw-skeleton", { "aria-hidden": "true" }, h("i"), h("i"), h("i"), h("i"));
  };
}

const WORDS: Readonly<Record<string, string>> = {
  draft: "a draft that only you see",
  submitted: "waits for a reviewer",
  rejected: "rejected",
  withdrawn: "withdrawn",
};

const who = (row: Row): Child =>
  [row.publisher, row.name, WORDS[row.status] ?? ""].filter(Boolean).map((word) => h("span", {}, word));

function glance(row: Row): Child {
  const languages = row.languages.slice(0, 4).map(language).join(", ");
  const more = row.languages.length > 4 ? ` and ${row.languages.length - 4} more` : "";
  return [
    h("span", { title: "Parameters" }, `${parameters(row.parameters)} parameters`),
    h("span", { title: "Tokens that it can read at once" }, `${context(row.context_length)} context`),
    h("span", { title: "Licence" }, licence(row.licence)),
    row.use_cases.length > 0 && h("span", { title: "What it is for" }, row.use_cases.join(", ")),
    languages && h("span", { title: "Languages" }, `${languages}${more}`),
    starLine(row.stars, row.reviews),
  ];
}

/** The card, as Markdown where that is safe. */
function about(_shop: Shop, shown: () => Shown): Child {
  return () => {
    const { card = "", summary, terms } = shown().listing;
    const text = withoutFrontMatter(card).trim() || summary;
    return [
      h("div.gw-markdown", { dir: "auto" }, blocks(text.slice(0, LONGEST))),
      text.length > LONGEST && h("p.gw-quiet", {}, "The card goes on; this is its beginning."),
      terms && [h("h4", {}, "Licence"), termsOf(terms)],
    ];
  };
}
