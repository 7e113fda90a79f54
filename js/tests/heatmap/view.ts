// A view of a model without a kernel, as anywidget would make it.
import { afterEach, beforeEach, vi } from "vitest";
import factory from "../../src/heatmap/index";
import type { Fake } from "../fake";

/** What is to be ended after the test. */
export const views: (() => void)[] = [];

/** A view of a model, as anywidget would make it. */
export function show(model: Fake): HTMLElement {
  const made = factory();
  const end = made.initialize({ model });
  const el = document.createElement("div");
  document.body.append(el);
  const leave = made.render({ model, el });
  views.push(leave, end);
  return el.querySelector(".gw-heatmap") as HTMLElement;
}

export const all = <One extends Element>(root: Element, selector: string): One[] => [
  ...root.querySelectorAll<One>(selector),
];

export const button = (root: Element, label: string): HTMLButtonElement =>
  all<HTMLButtonElement>(root, "button").find(
    (one) => one.textContent === label || one.getAttribute("aria-label") === label,
  ) as HTMLButtonElement;

export const press = (target: Element, key: string, more: KeyboardEventInit = {}): boolean =>
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));

beforeEach(() => {
  vi.spyOn(globalThis, "requestAnimationFrame").mockReturnValue(0);
});

afterEach(() => {
  for (const end of views.splice(0)) end();
  document.body.replaceChildren();
});
