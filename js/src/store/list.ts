// The listings, as cards or as a table. Both are a grid to the keys and to a screen reader: a row a listing.
import { computed } from "@preact/signals-core";
import { type Child, follow, h } from "../dom";
import { button } from "../ui";
import { card } from "./card";
import { clear, narrowed } from "./facets";
import { total } from "./format";
import { keyed } from "./keyed";
import { action, type Shop } from "./shop";
import { tableHead, tableRow } from "./table";
import type { Row } from "./types";

const MORE = 50;
const MOST = 500;
const SKELETONS = 9;

export function list(shop: Shop): Child {
  const { traits, rows } = shop;
  // The grid is made once: what was found changes within it.
  const what = computed(() => {
    if (traits.status.value === "error") return "failure";
    if (traits.found.value.rows === undefined) return shop.connection.value === "silent" ? "" : "skeletons";
    return rows.value.length === 0 ? "nothing" : "grid";
  });
  return h(
    "div.gw-list",
    {},
    h(
      "p.gw-count.gw-quiet",
      {},
      () => said(shop),
      h("span.gw-seeking", { hidden: () => traits.status.value !== "searching" }, "searching"),
    ),
    h("div.gw-scroll", {}, () => {
      if (what.value === "failure") return failure(shop);
      if (what.value === "nothing") return nothing(shop);
      if (what.value === "skeletons") return skeletons();
      return what.value === "grid" && h("div", {}, grid(shop), more(shop));
    }),
  );
}

/** "24 models for “small”"; with the words that were meant, where others were written. */
function said({ traits }: Shop): Child {
  const { total: all, capped = false, corrected = "", words = "", source } = traits.found.value;
  if (all === undefined) return "";
  const where = { machine: " on this machine", hub: " of the Hugging Face Hub" }[source ?? ""] ?? "";
  const count = `${total(all, capped)} ${all === 1 ? "model" : "models"}${where}`;
  if (!corrected) return words ? `${count} for “${words}”` : count;
  return [`${count}: showing results for `, h("b", {}, corrected), `, not for “${words}”`];
}

function grid(shop: Shop): Child {
  const { traits, rows, active } = shop;
  const current = computed(() => {
    const names = rows.value.map(({ name }) => name);
    const found = [active.value, traits.selected.value].find((name) => name !== null && names.includes(name));
    return found ?? names[0];
  });
  const attributes = (name: () => string): Record<string, unknown> => ({
    role: "row",
    "data-name": name,
    tabindex: () => (current.value === name() ? 0 : -1),
    "aria-selected": () => traits.selected.value === name(),
    onclick: (event: Event) => {
      if (!(event.target as Element).closest("button, label")) shop.open(name());
    },
    onfocus: () => {
      active.value = name();
    },
  });
  const root = (tag: string, ...children: Child[]): HTMLElement =>
    h(
      tag,
      {
        role: "grid",
        "aria-label": "Models",
        "aria-rowcount": () => (traits.found.value.capped ? -1 : (traits.found.value.total ?? -1)),
        onkeydown: (event: KeyboardEvent) => walk(shop, event),
      },
      ...children,
    );
  const fill = (parent: HTMLElement, make: typeof card): void =>
    keyed(
      parent,
      () => rows.value,
      ({ name }: Row) => name,
      (row) =>
        make(
          shop,
          row,
          attributes(() => row.value.name),
        ),
    );
  // What Python opened is brought into sight.
  follow(() => {
    const name = traits.selected.value;
    if (name === null) return;
    const row = (): HTMLElement | undefined =>
      [...shop.root.querySelectorAll<HTMLElement>("[role=grid] [data-name]")].find(
        (one) => one.dataset["name"] === name,
      );
    const frame = requestAnimationFrame(() => row()?.scrollIntoView({ block: "nearest" }));
    return () => cancelAnimationFrame(frame);
  });
  return () => {
    if (traits.view.value === "cards") {
      const cards = root("div.gw-cards");
      fill(cards, card);
      return cards;
    }
    const body = h("tbody", { role: "rowgroup" });
    fill(body, tableRow);
    return root("table.gw-table", tableHead(shop), body);
  };
}

/** The keys within the listings. */
function walk(shop: Shop, event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  const name = target.dataset["name"];
  if (name === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  const all = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("[data-name]")];
  const at = all.indexOf(target);
  const to = stepped(event.key, at, all.length, columns(all));
  if (to !== undefined) all[to]?.focus();
  else if (event.key === "Enter" || event.key === " ") shop.open(name, true);
  else if (event.key.toLowerCase() === "c") shop.compare(name);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** Where a key leads from the listing at a place; undefined for other keys. */
export function stepped(key: string, at: number, count: number, across: number): number | undefined {
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[key];
  if (by !== undefined) return at + by < 0 || at + by >= count ? at : at + by;
  if (key === "Home") return 0;
  return key === "End" ? count - 1 : undefined;
}

/** How many stand side by side: those on the height of the first. */
function columns(all: readonly HTMLElement[]): number {
  const top = all[0]?.offsetTop;
  return Math.max(1, all.filter((one) => one.offsetTop === top).length);
}

function more(shop: Shop): Child {
  const { traits, rows } = shop;
  return () => {
    const shown = rows.value.length;
    const all = traits.found.value.total ?? 0;
    if (shown >= all) return "";
    if (shown >= MOST) return h("p.gw-quiet.gw-more", {}, `The first ${MOST} are shown: search for fewer.`);
    return h(
      "p.gw-more",
      {},
      button(`Show ${Math.min(MORE, all - shown)} more`, () => {
        traits.limit.value = Math.min(MOST, shown + MORE);
      }),
    );
  };
}

const skeletons = (): Child =>
  h(
    "div.gw-cards",
    { "aria-hidden": "true" },
    Array.from({ length: SKELETONS }, () => h("div.gw-offer.gw-skeleton", {}, h("i"), h("i"), h("i"))),
  );

/** Nothing was found: what to do about it. */
function nothing(shop: Shop): Child {
  const { traits } = shop;
  return () => {
    const words = traits.query.value;
    if (traits.source.value === "hub" && (traits.found.value.missing ?? []).length > 0) {
      const back = (): void => {
        traits.source.value = null;
      };
      return h(
        "div.gw-empty",
        {},
        h("h3", {}, "The Hub was not searched"),
        h("p.gw-quiet", {}, "The catalogue and what lies on this machine work without it."),
        h("div.gw-group", {}, button("Back to the catalogue", back)),
      );
    }
    return h(
      "div.gw-empty",
      {},
      h("h3", {}, words ? `No model for “${words}”` : "No model is like this"),
      h("p.gw-quiet", {}, narrowed(shop) ? "Fewer conditions find more." : "Other words may find it."),
      h(
        "div.gw-group",
        {},
        narrowed(shop) && button("Take the conditions away", () => clear(shop)),
        traits.source.value === null &&
          words !== "" &&
          button("Search the Hugging Face Hub", () => {
            traits.source.value = "hub";
          }),
        words !== "" &&
          button("Take the words away", () => {
            traits.query.value = "";
          }),
      ),
    );
  };
}

function failure(shop: Shop): Child {
  const again = action(shop);
  return h(
    "div.gw-empty",
    { role: "alert" },
    h("h3.gw-error", {}, "The search did not work"),
    h("p", {}, () => shop.traits.error.value.message || "The store gave no reason."),
    h(
      "div.gw-group",
      {},
      button("Search again", () => void again.run("search")),
    ),
  );
}
