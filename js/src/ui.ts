// The few controls that all panels are made of. Most are bound to a signal: it shows what is, and is set by hand.
import { type Signal, signal } from "@preact/signals-core";
import { type Child, follow, h, type Props } from "./dom";

/** Line drawings, which are kept in css/icons.css. */
export type IconName =
  | "back"
  | "next"
  | "down"
  | "up"
  | "save"
  | "plus"
  | "minus"
  | "whole"
  | "edit"
  | "more"
  | "size"
  | "close";

/** A button with an icon; its label is heard, and shown on hover. */
export const iconButton = (
  name: IconName,
  label: string,
  onclick: () => void,
  props: Props = {},
): HTMLElement =>
  h(
    "button.gw-button",
    { type: "button", title: label, "aria-label": label, onclick, ...props },
    h(`i.gw-icon.gw-${name}`),
  );

export const button = (label: Child, onclick: () => void, props: Props = {}): HTMLElement =>
  h("button.gw-button", { type: "button", onclick, ...props }, label);

/** Value, what is shown, and what it means. */
export type Options<Value> = readonly (readonly [Value, string, string?])[];

/** A few alternatives side by side: radio buttons, so that the arrow keys work as everywhere. */
export function choice<Value extends string>(
  label: string,
  chosen: Signal<Value>,
  options: Options<Value>,
): Child {
  const name = `gw${Math.random()}`;
  return h(
    "fieldset.gw-choice",
    { "aria-label": label },
    options.map(([value, shown, title]) => {
      const checked = (): boolean => chosen.value === value;
      const onchange = (): void => {
        chosen.value = value;
      };
      const radio = h("input.gw-hidden", { type: "radio", name, checked, "aria-label": title, onchange });
      return h("label", { title }, radio, h("span", {}, shown));
    }),
  );
}

/** One of many: the browser's own list. */
export function pick<Value extends string>(
  label: string,
  chosen: Signal<Value>,
  options: () => Options<Value>,
): Child {
  const select = h(
    "select.gw-pick",
    {
      title: label,
      "aria-label": label,
      onchange: () => {
        chosen.value = select.value as Value;
      },
    },
    () => options().map(([value, shown]) => h("option", { value }, shown)),
  ) as HTMLSelectElement;
  follow(() => {
    options();
    select.value = chosen.value;
  });
  return select;
}

/** On or off. */
export function toggle(label: string, title: string, on: Signal<boolean>): Child {
  const box = h("input.gw-hidden", {
    type: "checkbox",
    role: "switch",
    checked: () => on.value,
    onchange: () => {
      on.value = !on.peek();
    },
  });
  return h("label.gw-switch", { title }, box, h("i"), label);
}

/** A button that opens a small sheet below itself; Escape, or going elsewhere, closes it. */
export function popover(
  opener: (onclick: () => void, props: Props) => HTMLElement,
  sheet: (close: () => void) => Child,
): Child {
  const open = signal(false);
  const close = (): void => {
    open.value = false;
  };
  const turn = (): void => {
    open.value = !open.peek();
  };
  const onkeydown = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || !open.peek()) return;
    event.stopPropagation();
    close();
    box.querySelector("button")?.focus();
  };
  const box = h(
    "div.gw-popover",
    { onkeydown },
    opener(turn, { "aria-expanded": () => open.value }),
    // A press on its words gives the focus to the sheet, and not to the page's cell, which is elsewhere.
    () => open.value && h("div.gw-sheet", { tabindex: -1 }, sheet(close)),
  );
  follow(() => {
    if (!open.value) return;
    const outside = (event: Event): void => {
      if (!event.composedPath().includes(box)) close();
    };
    const kinds = ["pointerdown", "focusin"];
    for (const kind of kinds) document.addEventListener(kind, outside, true);
    return () => {
      for (const kind of kinds) document.removeEventListener(kind, outside, true);
    };
  });
  return box;
}

/** A row of a sheet of keys: the part that has the focus ("" as above), the key, what it does there. */
export type Key = readonly [part: string, key: string, does: string];

/** The last of a widget's controls: its size for a talk, and what the keys do. */
export const sizeAndKeys = (presentation: Signal<boolean>, keys: readonly Key[]): Child => [
  iconButton(
    "size",
    "Presentation size",
    () => {
      presentation.value = !presentation.peek();
    },
    { "aria-pressed": () => presentation.value },
  ),
  popover(
    (onclick, props) => button("?", onclick, { title: "Keys", "aria-label": "Keys", ...props }),
    () =>
      h(
        "table.gw-keys",
        {},
        keys.map((row) =>
          h(
            "tr",
            {},
            row.map((cell) => h("td", {}, cell)),
          ),
        ),
      ),
  ),
];

/** Quiet lines above all else, where there is something to know. */
export const noteLines =
  (lines: () => readonly string[]): Child =>
  () => {
    const all = lines();
    return (
      all.length > 0 &&
      h(
        "div.gw-notes",
        { role: "status" },
        all.map((line) => h("p", {}, line)),
      )
    );
  };
