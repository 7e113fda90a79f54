// A list whose elements stay where their items stay: focus, scroll and a bar's movement go on.
import { type ReadonlySignal, type Signal, signal, untracked } from "@preact/signals-core";
import { build, follow, onEnd } from "../dom";

/**
 * Keeps a parent's children in step with a list.
 *
 * @param items the list; two items of one key are one.
 * @param make an element for an item, which follows it as it changes.
 */
export function keyed<Item>(
  parent: HTMLElement,
  items: () => readonly Item[],
  key: (item: Item) => string,
  make: (item: ReadonlySignal<Item>) => HTMLElement,
): void {
  const there = new Map<string, readonly [element: HTMLElement, item: Signal<Item>, end: () => void]>();
  follow(() => {
    const all = items();
    untracked(() => {
      const names = new Set(all.map(key));
      for (const [name, [element, , end]] of there) {
        if (names.has(name)) continue;
        end();
        element.remove();
        there.delete(name);
      }
      const focused = (parent.getRootNode() as Document | ShadowRoot).activeElement;
      let before: Element | null = parent.firstElementChild;
      for (const item of all) {
        const name = key(item);
        let entry = there.get(name);
        if (entry) entry[1].value = item;
        else {
          const own = signal(item);
          const [element, end] = build(() => make(own));
          entry = [element, own, end];
          there.set(name, entry);
        }
        if (entry[0] === before) before = before.nextElementSibling;
        else parent.insertBefore(entry[0], before);
      }
      // What is moved lets go of the focus.
      if (focused instanceof HTMLElement && parent.contains(focused)) focused.focus({ preventScroll: true });
    });
  });
  onEnd(() => {
    for (const [, , end] of there.values()) end();
  });
}
