// The numbers themselves in four columns, and the one that is pointed at with its formula.
import { computed, effect, type ReadonlySignal, signal, untracked } from "@preact/signals-core";
import { type Child, follow, h, onEnd } from "../../dom";
import { whole } from "../../numbers";
import { type Panels, quote } from "../panels";
import {
  type Cell,
  countOf,
  type Explained,
  explain,
  firstAt,
  isOpen,
  keyAt,
  type Spot,
  type Step,
  say,
  stepOf,
  textOf,
  unfolded,
} from "./cell";
import { formula } from "./formula";
import { coloursOf, drawStrip, placeAt, type Strip } from "./strip";

interface Made {
  readonly element: HTMLElement;
  readonly formula: Child;
  /** Draws all strips anew, in the next frame. */
  readonly draw: () => void;
  /** The width for which they were drawn. */
  readonly width: () => number;
}

/** Of each part the number that sums it up: its formula stands there where none is pointed at. */
const MAIN: Readonly<Record<string, string>> = {
  vectors: "q",
  raw: "dot",
  scaled: "scaled",
  masked: "logit",
  softmax: "weight",
  "value-weighted": "weighted_v",
  output: "output",
};

/** So many keys have their names under their bars. */
const NAMED = 8;

/** Frames for which a strip without a size is tried again; one that is shown later is drawn by its new width. */
const TRIES = 60;

type Column = "pair" | "score" | "row" | "value";

const columnOf = ({ kind, part }: Step): Column => {
  if (kind === "keys") return "row";
  if (part === "vectors" || part === "raw") return "pair";
  if (part === "scaled" || part === "masked") return "score";
  return part === "softmax" ? "row" : "value";
};

/** The columns of a cell; of another one with the same steps, once the signal has it. */
export function columns(panels: Panels, current: ReadonlySignal<Cell>): Made {
  const { traits, theme } = panels;
  const hovered = signal<Spot | null>(null);
  const focused = signal<Spot | null>(null);
  const strips = new Map<string, Strip>();
  const elements = new Map<string, HTMLElement>();
  const places = new Map<string, number | null>();
  const { steps, parts } = current.peek(); // their names, kinds and parts: the same in all these cells
  const open = computed(() => unfolded(current.value, traits.step.value));
  const pointed = computed(() => hovered.value ?? focused.value);
  const seen = (step: Step): boolean => isOpen(current.value, step, traits.step.value);
  const called = (what: string | undefined): Step | undefined => steps.find((step) => step.name === what);
  const now = (step: Step): Step => stepOf(current.value, step.name) ?? step;

  const explained = computed<Explained | undefined>(() => {
    const cell = current.value;
    const last = open.value === parts.length ? "weight" : MAIN[parts[open.value - 1] ?? ""];
    const name = pointed.value?.name ?? last ?? "";
    const step = stepOf(cell, name);
    return step && seen(step) ? explain(cell, step, pointed.value?.at ?? firstAt(cell, step)) : undefined;
  });

  // Drawn in the next frame in which they have a size: while the page changes its theme they have none.
  const colours = computed(() => coloursOf(theme.value));
  const stale = new Set<Strip>();
  let frame = 0;
  let width = 0;
  const soon = (some: Iterable<Strip>, tries = TRIES): void => {
    for (const strip of some) stale.add(strip);
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      for (const strip of stale) if (drawStrip(strip, theme.peek(), colours.peek())) stale.delete(strip);
      width = element.clientWidth;
      element.dispatchEvent(new CustomEvent("gw-drawn", { bubbles: true }));
      if (stale.size > 0 && tries > 0) soon([], tries - 1);
    });
  };
  onEnd(() => cancelAnimationFrame(frame));

  // Lighting: what went in, and the number itself.
  const light = (): void => {
    const spot = pointed.value;
    const inputs = spot === null ? undefined : explained.value?.inputs;
    for (const [name, element] of elements) {
      const lit = inputs?.get(name);
      element.toggleAttribute("data-lit", lit !== undefined);
      element.toggleAttribute("data-here", spot?.name === name);
      const strip = strips.get(name);
      if (!strip) continue;
      const at = spot?.name === name ? spot.at : null;
      if (strip.lit === undefined && lit === undefined && strip.at === at) continue;
      Object.assign(strip, { lit, at });
      soon([strip]);
    }
  };
  onEnd(effect(light));

  const name = (step: Step, at: number): string =>
    step.kind === "keys" ? quote(traits, keyAt(current.value, at)) : `dimension ${at}`;

  /** What is heard of a number. */
  const heard = (step: Step, at: number | null): string => {
    const text = textOf(current.value, now(step), at);
    return at === null ? `${step.title}: ${text}` : `${step.title}, ${name(step, at)}: ${text}`;
  };

  const tell = (step: Step): void => {
    const element = elements.get(step.name);
    const at = places.get(step.name) ?? null;
    if (step.kind !== "number" && countOf(current.peek(), step) > 0) {
      element?.setAttribute("aria-valuenow", String(at ?? 0));
      element?.setAttribute("aria-valuetext", heard(step, at));
    }
  };

  const one = (step: Step): HTMLElement => {
    const many = step.kind !== "number";
    const count = computed(() => countOf(current.value, step));
    const value = (): Child => {
      if (!many) return h("b", {}, now(step).text);
      const spot = pointed.value;
      const cell = current.value;
      if (count.value === 0) return h("span.gw-quiet", {}, "none");
      if (spot?.name !== step.name || spot.at === null)
        return h("span.gw-quiet", {}, step.kind === "keys" ? `${whole(count.value)} keys` : `${count.value}`);
      const number = say(cell.numbers.get(step.name)?.[spot.at] ?? Number.NaN);
      return [h("bdi.gw-quiet", {}, name(step, spot.at)), " ", h("b", {}, number)];
    };
    const canvas = many && (h("canvas", { "aria-hidden": "true" }) as HTMLCanvasElement);
    const slides = (): boolean => many && count.value > 0;
    const element = h(
      many ? "div.gw-strip" : "div.gw-one",
      {
        "data-step": step.name,
        tabindex: -1,
        role: () => (slides() ? "slider" : "img"),
        "aria-readonly": () => (slides() ? "true" : undefined),
        "aria-valuemin": () => (slides() ? 0 : undefined),
        "aria-valuemax": () => (slides() ? count.value - 1 : undefined),
        "aria-label": () => (slides() ? step.title : heard(step, null)),
        "data-folded": () => !seen(step),
        "aria-hidden": () => (seen(step) ? undefined : "true"),
      },
      h("span.gw-line", {}, h("span", {}, step.title), h("span", {}, value)),
      canvas,
      step.name === "weights" && (() => count.value <= NAMED && names(step, count.value)),
    );
    elements.set(step.name, element);
    if (canvas) {
      const keys = step.kind === "keys";
      const strip = { canvas, keys, numbers: new Float32Array(), chosen: null, lit: undefined, at: null };
      strips.set(step.name, strip);
    }
    return element;
  };

  /** Under few bars their tokens. */
  const names = (step: Step, count: number): Child =>
    h(
      "span.gw-names",
      { "aria-hidden": "true" },
      Array.from({ length: count }, (_, at) =>
        h("bdi", { "data-chosen": at === current.value.at, title: name(step, at) }, name(step, at)),
      ),
    );

  const spotUnder = (event: Event): Spot | null => {
    const target = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-step]") : null;
    const step = target && stepOf(current.peek(), target.dataset["step"] ?? "");
    if (!(step && seen(step))) return null;
    const strip = strips.get(step.name);
    if (!(strip && event instanceof MouseEvent))
      return { name: step.name, at: places.get(step.name) ?? null };
    const box = strip.canvas.getBoundingClientRect();
    return { name: step.name, at: placeAt(strip.numbers, event.clientX - box.left, box.width) };
  };

  const roam = (step: Step | undefined): void => {
    if (!step) return;
    for (const [other, element] of elements) element.tabIndex = other === step.name ? 0 : -1;
  };

  const onkeydown = (event: KeyboardEvent): void => {
    const spot = focused.peek();
    const cell = current.peek();
    const step = spot && called(spot.name);
    if (!(spot && step) || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = steps.filter(seen);
    const go = (by: number): void => {
      const next = all[Math.min(Math.max(all.indexOf(step) + by, 0), all.length - 1)];
      elements.get(next?.name ?? "")?.focus({ preventScroll: false });
    };
    const last = countOf(cell, step) - 1;
    const slide = (to: number): void => {
      places.set(step.name, Math.min(Math.max(to, 0), last));
      tell(step);
      hovered.value = null;
      focused.value = { name: step.name, at: places.get(step.name) ?? null };
    };
    const many = step.kind !== "number" && last >= 0;
    const at = spot.at ?? 0;
    const keys: Readonly<Record<string, () => void>> = {
      ArrowUp: () => go(-1),
      ArrowDown: () => go(1),
      ArrowLeft: () => (many ? slide(at - 1) : go(-1)),
      ArrowRight: () => (many ? slide(at + 1) : go(1)),
      Home: () => (many ? slide(0) : go(-all.length)),
      End: () => (many ? slide(last) : go(all.length)),
    };
    const press = keys[event.key];
    if (!press) return;
    event.preventDefault();
    event.stopPropagation();
    press();
  };

  const column = (which: Column, title: Child): Child => {
    const mine = steps.filter((step) => columnOf(step) === which);
    if (mine.length === 0) return false;
    const first = Math.min(...mine.map(({ part }) => parts.indexOf(part)));
    return h(
      `section.gw-column.gw-${which}`,
      {},
      h("h4", { "data-folded": () => open.value <= first }, title),
      mine.map(one),
    );
  };

  const inSight = (): string => {
    const count = current.value.keys.reduce((sum, [start, stop]) => sum + stop - start, 0);
    return `The row: ${whole(count)} ${count === 1 ? "key" : "keys"} in sight`;
  };
  const element = h(
    "div.gw-columns",
    {
      onpointermove: (event: PointerEvent) => {
        hovered.value = spotUnder(event);
      },
      onpointerleave: () => {
        hovered.value = null;
      },
      onfocusin: (event: FocusEvent) => {
        hovered.value = null;
        focused.value = spotUnder(event);
        roam(called(focused.value?.name));
      },
      onfocusout: () => {
        focused.value = null;
      },
      onkeydown,
    },
    column("pair", "Query and key, by dimension"),
    column("score", "Their score"),
    column("row", inSight),
    column("value", "What the head gives out"),
  );
  follow(() => {
    void open.value;
    untracked(() => roam(steps.find(seen)));
  });
  follow(() => {
    const cell = current.value;
    for (const step of steps) {
      places.set(step.name, firstAt(cell, step));
      const strip = strips.get(step.name);
      const numbers = cell.numbers.get(step.name) ?? new Float32Array();
      if (strip) Object.assign(strip, { numbers, chosen: strip.keys ? cell.at : null });
      untracked(() => tell(step));
    }
  });
  return {
    element,
    formula: () => formula(explained.value),
    draw: () => soon(strips.values()),
    width: () => width,
  };
}
