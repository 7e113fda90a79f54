// Numbers and names as a person reads them. The locale is fixed: the kernel's own texts are English.

import type { Which } from "../model";
import { whole } from "../numbers";

const NOT_FOR_FILES = /[^A-Za-z0-9.]+/gu;
const SLASH = /[\\/]/u;
const EDGES = /^[-.]+|[-.]+$/gu;

/** A weight: 0.7513, 0.0042, 0.00007 → "7e-5"; "–" for a cell that does not exist. */
export function weight(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.0001) return value.toExponential(0);
  return value.toFixed(size < 10 ? 4 : 2);
}

/** A score of a head, short enough for a caption under a thumbnail. */
export function score(value: number): string {
  if (Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1000) return whole(Math.round(value));
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** "Layer 13 · Head 8", "Mean of all layers · Head 8", "Layer 13 · Strongest head". */
export function headTitle(layer: Which, head: Which): string {
  const part = (word: string, which: Which): string =>
    typeof which === "number"
      ? `${word} ${which}`
      : `${which === "max" ? "Maximum" : "Mean"} of ${word.toLowerCase()}s`;
  return `${part("Layer", layer)} · ${part("Head", head)}`;
}

export const tokenCount = (length: number): string => `${whole(length)} ${length === 1 ? "token" : "tokens"}`;

/** A file's name: smollm2-135m-instruct_L13H8.png; only letters, figures, dot, dash and underscore. */
export function fileName(model: string, layer: Which, head: Which, ending: string): string {
  const stem = (model.split(SLASH).at(-1) ?? "")
    .normalize("NFKD")
    .replace(NOT_FOR_FILES, "-")
    .replace(EDGES, "")
    .toLowerCase()
    .slice(0, 60);
  return `${stem || "attention"}_L${layer}H${head}.${ending}`;
}
