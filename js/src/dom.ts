// Elements that follow signals: h("p.gw-quiet", { title: () => name.value }, () => text.value).
//
// A property or child that is a function is evaluated again whenever a signal that it read changes; nothing else
// is touched. Text reaches the page only as text nodes and attributes, never as HTML.
import { effect } from "@preact/signals-core";

export type Child = Node | string | number | false | null | undefined | readonly Child[] | (() => Child);
export type Props = Readonly<Record<string, unknown>>;

/** What is to be stopped when the part that is being built goes away. */
let scope: (() => void)[] = [];

/** Runs `stop` when the part of the page that is being built goes away. */
export function onEnd(stop: () => void): void {
  scope.push(stop);
}

/** An effect that lives as long as the part of the page that is being built. */
export function follow(run: Parameters<typeof effect>[0]): void {
  onEnd(effect(run));
}

/** Builds a part of the page; the second value ends it. */
export function build<Result>(make: () => Result): [Result, () => void] {
  const outer = scope;
  const mine: (() => void)[] = [];
  scope = mine;
  try {
    return [
      make(),
      () => {
        for (const stop of mine.splice(0)) stop();
      },
    ];
  } finally {
    scope = outer;
  }
}

/** An element: "tag.class.class", attributes (onclick and the like are listeners), children. */
export function h(name: string, props: Props = {}, ...children: Child[]): HTMLElement {
  const [tag = "div", ...classes] = name.split(".");
  const element = document.createElement(tag);
  element.className = classes.join(" ");
  append(element, children);
  for (const [key, value] of Object.entries(props)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value as EventListener);
    else if (typeof value === "function") follow(() => put(element, key, value()));
    else put(element, key, value);
  }
  return element;
}

const OWN = new Set(["value", "checked", "disabled", "indeterminate"]);

function put(element: HTMLElement, key: string, value: unknown): void {
  if (OWN.has(key)) Object.assign(element, { [key]: value });
  else if (value === undefined || value === null || (value === false && !key.startsWith("aria"))) {
    element.removeAttribute(key);
  } else element.setAttribute(key, value === true && !key.startsWith("aria") ? "" : String(value));
}

function append(parent: Node, child: Child): void {
  if (Array.isArray(child)) for (const one of child) append(parent, one);
  else if (typeof child === "function") {
    const after = document.createTextNode(""); // keeps the place
    let shown: ChildNode[] = [];
    parent.appendChild(after);
    follow(() => {
      const fresh = document.createDocumentFragment();
      const [, end] = build(() => append(fresh, child()));
      for (const node of shown) node.remove();
      shown = [...fresh.childNodes];
      after.before(fresh);
      return end;
    });
  } else if (child instanceof Node) parent.appendChild(child);
  else if (typeof child === "string" || typeof child === "number") {
    parent.appendChild(document.createTextNode(String(child)));
  }
}
