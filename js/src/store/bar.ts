// The row above everything: the words, the order, cards or table, and what else there is to do.
import { batch, computed, type Signal } from "@preact/signals-core";
import { type Child, follow, h } from "../dom";
import { button, choice, iconButton, type Key, pick, sizeAndKeys } from "../ui";
import type { Shop } from "./shop";
import { downward, SORTS } from "./sorting";

const KEYS: readonly Key[] = [
  ["", "/", "search"],
  ["", "Escape", "close, go back"],
  ["Listings", "↑ ↓ ← →", "go from one to the next"],
  ["", "Enter", "open"],
  ["", "C", "compare, or no longer"],
];

export function bar(shop: Shop): Child {
  const { traits, place, root } = shop;
  const field = h("input.gw-search", {
    type: "search",
    placeholder: "Search for models",
    "aria-label": "Search for models",
    "aria-keyshortcuts": "/",
    spellcheck: "false",
    autocomplete: "off",
    oninput: () => {
      traits.query.value = field.value;
      traits.limit.value = 50;
    },
    onkeydown: (event: KeyboardEvent) => {
      if (event.key === "Escape" && field.value !== "") {
        event.preventDefault();
        event.stopPropagation();
        field.value = "";
        traits.query.value = "";
      } else if (event.key === "ArrowDown" || event.key === "Enter") {
        event.preventDefault();
        root.querySelector<HTMLElement>("[role=grid] [tabindex='0'][data-name]")?.focus();
      }
    },
  }) as HTMLInputElement;
  follow(() => {
    if (field.value !== traits.query.value) field.value = traits.query.value;
  });
  const order = computed(() => ({ sort: traits.sort.value, descending: traits.descending.value }));
  // Another figure begins with its own sense.
  const sort = {
    get value() {
      return traits.sort.value;
    },
    set value(wanted: string) {
      batch(() => {
        traits.sort.value = wanted;
        traits.descending.value = null;
      });
    },
  } as Signal<string>;
  // "embedded" is the catalogue, too, of somebody who asked for it alone in Python.
  const source = {
    get value() {
      const { value } = traits.source;
      return value === "machine" || value === "hub" ? value : "catalogue";
    },
    set value(wanted: string) {
      batch(() => {
        traits.source.value = wanted === "machine" || wanted === "hub" ? wanted : null;
        traits.limit.value = 50;
      });
    },
  } as Signal<string>;
  const panel = (name: "publish" | "queue", label: string, title: string): Child =>
    button(
      label,
      () => {
        place.value = place.peek() === name ? "" : name;
      },
      { title, "aria-pressed": () => place.value === name },
    );
  return h(
    "div.gw-controls",
    { role: "toolbar", "aria-label": "Store" },
    field,
    h(
      "div",
      { hidden: () => place.value !== "" },
      choice("Where to look", source, [
        ["catalogue", "Catalogue"],
        ["machine", "This machine"],
        ["hub", "Hub"],
      ]),
    ),
    h(
      "div.gw-group",
      { hidden: () => place.value !== "" },
      pick("Order", sort, () => SORTS.map(([name, called]) => [name, called] as const)),
      () =>
        iconButton(
          downward(order.value) ? "down" : "up",
          downward(order.value) ? "Largest first" : "Smallest first",
          () => {
            traits.descending.value = !downward(order.peek());
          },
        ),
    ),
    h(
      "div",
      { hidden: () => place.value !== "" },
      choice("Listings as", traits.view, [
        ["cards", "Cards"],
        ["table", "Table"],
      ]),
    ),
    h("span.gw-push"),
    () =>
      traits.compared.value.length > 0 &&
      button(
        `Compare ${traits.compared.value.length}`,
        () => {
          place.value = place.peek() === "compare" ? "" : "compare";
        },
        { "aria-pressed": () => place.value === "compare" },
      ),
    panel("publish", "Publish", "Publish a model of your own"),
    panel("queue", "Queue", "What waits for a reviewer, and reports"),
    h("div.gw-group", {}, sizeAndKeys(traits.presentation, KEYS)),
  );
}
