// The text's pane: what a chosen token looks at or is looked at by, and the text itself, to be changed in place.
import { batch, computed, type Signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import type { Direction, HeatTraits } from "../model";
import { choice, iconButton, type Options } from "../ui";
import { textEdit } from "./edit";
import { mountFlow } from "./flow";
import { tokenCount, weight } from "./format";
import { lock, lockedToken, type Panels, quote } from "./panels";

const DIRECTIONS: Options<Direction> = [
  ["from", "looks at", "Colour the tokens that the chosen token looks at"],
  ["to", "is looked at by", "Colour the tokens that look at the chosen token"],
];

export function text(panels: Panels): Child {
  const { traits, editing, pointed, most, hover } = panels;
  const name = (token: number): Child => h("bdi", {}, quote(traits, token));
  const subject = (): Child => {
    const token = lockedToken(traits);
    const other = token ?? pointed.value;
    if (other === null) return h("span.gw-quiet", {}, "a token");
    if (token === null) return name(other);
    const title = "Let go of this token (Escape)";
    return h(
      "button.gw-chip",
      { type: "button", title, onclick: () => lock(traits, null) },
      name(other),
      " ×",
    );
  };
  const object = (): Child => {
    const token = pointed.value;
    const value = token === null ? undefined : hover.value?.value; // a cell under the pointer is none of its own
    if (token !== null && value !== undefined) {
      const id = traits.tokens.value.ids?.[token];
      const number = Number.isNaN(value) ? "masked" : weight(value);
      return [
        name(token),
        ` ${number} · position ${token}${id === undefined || id < 0 ? "" : ` · id ${id}`}`,
      ];
    }
    if (!most.value) return "Point at a token; click to keep it.";
    const [best, much] = most.value;
    return ["most ", traits.direction.value === "from" ? "at " : "by ", name(best), ` ${weight(much)}`];
  };
  const there = computed(() => traits.length.value > 0);
  const phrase = (): Child => [
    h("span.gw-subject", {}, subject),
    choice("Direction", turning(traits), DIRECTIONS),
    h("span.gw-quiet.gw-object", {}, object),
    h("span.gw-push"),
    () =>
      traits.editable.value &&
      traits.status.value !== "closed" &&
      iconButton("edit", "Change the text", () => {
        editing.value = true;
      }),
  ];
  return h(
    "section.gw-text",
    { "aria-label": "Text" },
    h(
      "header.gw-bar",
      {},
      h("h3", {}, () => (traits.length.value ? tokenCount(traits.length.value) : "Text")),
      () => !editing.value && there.value && phrase(),
    ),
    () => (editing.value ? textEdit(panels) : mountFlow(panels)),
  );
}

/** The direction; turning it keeps the token that was chosen. */
function turning(traits: HeatTraits): Signal<Direction> {
  const { direction } = traits;
  return {
    get value() {
      return direction.value;
    },
    set value(to: Direction) {
      const token = lockedToken(traits);
      batch(() => {
        direction.value = to;
        lock(traits, token);
      });
    },
  } as Signal<Direction>;
}
