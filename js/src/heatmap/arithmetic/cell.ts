// A cell's arithmetic as the kernel sends it (gptwidgets/kernel/wired.py), and what a number of it was made of.
import type { Answer } from "../../wire";
import { mathml } from "./mathml";

export interface Step {
  readonly name: string;
  readonly title: string;
  readonly part: string;
  readonly says: string;
  readonly kind: "number" | "dimensions" | "keys";
  /** Of one number, for reading. */
  readonly text?: string;
  /** Of many: which buffer holds them. */
  readonly buffer?: number;
  readonly from: readonly string[];
  readonly formula: string;
  readonly formulaText: string;
  readonly filled: string;
  readonly filledText: string;
}

export interface Cell {
  readonly layer: number;
  readonly head: number;
  readonly name: string;
  readonly query: number;
  readonly key: number;
  /** Text of the model's: query and key. */
  readonly tokens: readonly [string, string];
  readonly masked: boolean;
  /** Runs [start, stop) of the keys that the query sees. */
  readonly keys: readonly (readonly [number, number])[];
  /** The chosen key's place among them. */
  readonly at: number | null;
  readonly facts: readonly string[];
  readonly parts: readonly string[];
  readonly steps: readonly Step[];
  /** Of each step of many numbers. */
  readonly numbers: ReadonlyMap<string, Float32Array>;
}

/** One number: a step's, and of many its place. */
export interface Spot {
  readonly name: string;
  readonly at: number | null;
}

/** Which numbers went into one: of each step all, or those at some places. */
export type Inputs = ReadonlyMap<string, "all" | ReadonlySet<number>>;

export interface Explained {
  readonly title: string;
  readonly says: string;
  /** In letters, and with numbers; the same where the model gave the number. */
  readonly formula: Element;
  readonly filled: Element;
  readonly inputs: Inputs;
}

/** Made of all the numbers that go in, of which the formula shows a few. */
const OF_ALL = new Set(["dot", "total", "others", "top", "dots"]);
const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const DIGITS = 4;
const TAIL = /\.?0+$/u;
const SLOT = /\{(\w+)\}/gu;

export function cellOf({ content, buffers }: Answer): Cell {
  const told = content as unknown as Omit<Cell, "numbers">;
  const numbers = new Map<string, Float32Array>();
  for (const { name, buffer } of told.steps) {
    // Copied: a view of the message need not begin at a multiple of four bytes.
    if (buffer !== undefined)
      numbers.set(name, new Float32Array((buffers[buffer] ?? new Uint8Array()).slice().buffer));
  }
  return { ...told, numbers };
}

/** A number for reading, with four significant digits, as gptwidgets/kernel/mathml.py says it. */
export function say(x: number): string {
  if (Number.isNaN(x)) return "not a number";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  const power = Math.floor(Math.log10(Math.abs(x)));
  if (power >= -4 && power < 7) {
    const fixed = x.toFixed(Math.max(0, DIGITS - 1 - power));
    return (fixed.includes(".") ? fixed.replace(TAIL, "") : fixed).replace("-", "−");
  }
  const [mantissa = "", exponent = ""] = x.toExponential(DIGITS - 1).split("e");
  const raised = [...String(Number(exponent))].map((c) => (c === "-" ? "⁻" : RAISED[Number(c)])).join("");
  return `${mantissa.includes(".") ? mantissa.replace(TAIL, "") : mantissa}×10${raised}`.replace("-", "−");
}

export const stepOf = (cell: Cell, name: string): Step | undefined =>
  cell.steps.find((step) => step.name === name);

/** How many numbers a step has; 1 for a single one. */
export const countOf = (cell: Cell, step: Step): number =>
  step.kind === "number" ? 1 : (cell.numbers.get(step.name)?.length ?? 0);

/** The token whose place among the visible keys is `at`. */
export function keyAt(cell: Cell, at: number): number {
  let left = at;
  for (const [start, stop] of cell.keys) {
    if (left < stop - start) return start + left;
    left -= stop - start;
  }
  return -1;
}

/** Where one stands first in a step: at the chosen key, or the first dimension. */
export const firstAt = (cell: Cell, step: Step): number | null =>
  step.kind === "number" ? null : step.kind === "keys" ? (cell.at ?? 0) : 0;

/** A query that sees nothing has steps of many numbers without one. */
const isEmpty = (cell: Cell, step: Step): boolean => step.kind !== "number" && countOf(cell, step) === 0;

/** A number that went into a formula, or came out of it: those below zero in brackets, but for the result. */
function numberIn(cell: Cell, step: Step, name: string, at: number | null): string {
  const said = say(cell.numbers.get(name)?.[at ?? 0] ?? Number.NaN);
  return said.startsWith("−") && name !== step.name ? `(${said})` : said;
}

/** How a number was made, in plain text: to be heard. */
export const textOf = (cell: Cell, step: Step, at: number | null): string =>
  step.filledText.replaceAll(SLOT, (_, name: string) =>
    isEmpty(cell, step) ? "" : numberIn(cell, step, name, at),
  );

/** How a number was made; an error where its formula is none. */
export function explain(cell: Cell, step: Step, at: number | null): Explained {
  const filled = mathml(step.filled, (of) =>
    isEmpty(cell, step) ? undefined : [numberIn(cell, step, of, at), at ?? 0],
  );
  return {
    title: step.title,
    says: step.says,
    formula: mathml(step.formula),
    filled,
    inputs: inputsOf(step, filled),
  };
}

function inputsOf(step: Step, filled: Element): Inputs {
  const inputs = new Map<string, "all" | Set<number>>();
  for (const name of step.from) {
    const places = [...filled.querySelectorAll(`[data-of="${name}"][data-at]`)].map((one) =>
      Number(one.getAttribute("data-at")),
    );
    inputs.set(name, OF_ALL.has(step.name) || places.length === 0 ? "all" : new Set(places));
  }
  return inputs;
}

/** How many parts are unfolded of those that there are. */
export const unfolded = (cell: Cell, step: number): number => Math.min(Math.max(step, 0), cell.parts.length);

/** Whether a step can be seen so far. */
export const isOpen = (cell: Cell, { part }: Step, step: number): boolean =>
  cell.parts.indexOf(part) < unfolded(cell, step);
