// What to look for in a head of its kind, and what must be known to read its picture.
import type { HeatTraits, Stage } from "../model";
import { whole } from "../numbers";
import { offWords } from "./switching";
import { isWhole, regionOf } from "./viewport";

/** The kind of the chosen head and its caption; the title names means and maxima already. */
export function kindAndCaption(traits: HeatTraits): readonly [kind: string, caption: string] {
  const [layer, head] = [traits.layer.value, traits.head.value];
  const merged = [...new Set([layer, head].filter((which) => typeof which === "string"))].join(" of ");
  const kind = traits.kindOf.value.find(([one, other]) => one === layer && other === head)?.[2] ?? "";
  return [merged ? "" : kind, traits.kinds.value[merged || kind] ?? ""];
}

const STAGES: Readonly<Record<Stage, string>> = {
  raw: "query · key, before scale and mask",
  scaled: "query · key · scale, before the mask",
  masked: "logits: what the softmax is taken of",
  softmax: "",
  "value-weighted": "length of weight × value: what each key adds to the output",
};

/** What is shown, hidden, masked or shared, one short phrase each; `sampled`: only some queries were looked at. */
export function notesOf(traits: HeatTraits, sampled: boolean, stage: Stage = "softmax"): string[] {
  const { info, layer, head, hideSink } = traits;
  const length = traits.length.value;
  const { layers = [], windows = [], signed, n_heads: heads = 1, n_kv_heads: shared } = info.value;
  const notes = [STAGES[stage], offWords(traits)].filter(Boolean);
  if (hideSink.value && length > 1) {
    const rows = [layer.value, head.value].includes("max") ? "each head's rows add" : "rows add";
    notes.push(
      signed || stage !== "softmax" ? "first token hidden" : `first token hidden, ${rows} up to 1 without it`,
    );
  }
  const window = windows[layers.indexOf(layer.value as number)] ?? Infinity;
  if (window < length) notes.push(`sliding window of ${window} tokens`);
  // Heads of a group look with queries of their own at the same keys.
  const group = heads / (shared || Infinity);
  if (typeof head.value === "number" && group > 1) {
    const first = Math.floor(head.value / group) * group;
    notes.push(`heads ${first}–${first + group - 1} share their keys`);
  }
  if (sampled) notes.push("a first look, from some of the queries");
  return notes;
}

/** Which queries and keys a zoomed picture shows: "queries 14–21, keys 5–12"; "" for the whole head. */
export function rangeOf({ length: { value: length }, view }: HeatTraits): string {
  const region = regionOf(view.value, length);
  if (length === 0 || isWhole(region, length)) return "";
  const span = (start: number, count: number): string =>
    `${whole(Math.floor(start))}–${whole(Math.ceil(start + count) - 1)}`;
  return `queries ${span(region.row0, region.rows)}, keys ${span(region.col0, region.cols)}`;
}
