// Figures and words as the playground writes them.
import { whole } from "../numbers";
import type { Reason } from "./traits";

const TINY = 0.0001;

/** A probability in at most six signs: 0.7513, 0.0042, 7e−5, 0. */
export function probability(value: number): string {
  if (Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  if (value >= 0.999_95) return "1";
  if (value < TINY) return value.toExponential(0).replace("-", "−");
  return value.toFixed(value < 0.001 ? 4 : 3);
}

/** "1st", "2nd", "1,003rd" of a rank that begins at 0. */
export function place(rank: number): string {
  const n = rank + 1;
  const last = n % 100 > 10 && n % 100 < 14 ? 0 : n % 10;
  return `${whole(n)}${["th", "st", "nd", "rd"][last] ?? "th"}`;
}

export const fixed = (value: number | null | undefined, digits: number): string =>
  value === null || value === undefined || Number.isNaN(value)
    ? "–"
    : value.toFixed(digits).replace("-", "−");

export function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`;
}

const REASONS: Readonly<Record<Reason, string>> = {
  end: "the model ended it",
  stop: "a stop text came",
  max_new_tokens: "token limit",
  context: "the context is full",
  stopped: "stopped",
  memory: "memory ran out",
  error: "an error",
};

export const because = (reason: Reason | null | undefined): string =>
  reason ? (REASONS[reason] ?? reason) : "";
