// The overview's thumbnails: the first ones come with the traits, the rest is asked for when it shows.
// One store a model; its views share it.

import { effect, type ReadonlySignal, signal } from "@preact/signals-core";
import { type HeatTraits, variantOf, type Which } from "../model";
import type { Answer, Wire } from "../wire";
import type { Thumbnail } from "./layout";

type Head = readonly [layer: Which, head: Which];

export interface Thumbs {
  /** Counts up whenever thumbnails came. */
  readonly version: ReadonlySignal<number>;
  /** A head's thumbnail; while the present one is on its way the other variant's, if that is there. */
  get: (layer: Which, head: Which) => Thumbnail | undefined;
  /** Asks for those heads that are not there yet. */
  want: (heads: readonly Head[]) => void;
}

/** How long the kernel has to send all thumbnails by itself before they are asked for one by one. */
const PATIENCE = 800; // ms

export function createThumbs(traits: HeatTraits, wire: Wire, ends: AbortSignal): Thumbs {
  const version = signal(0);
  const stores = new Map<string, Map<string, Thumbnail>>(); // by "record|variant", then "layer:head"
  const asked = new Set<string>();
  let wanted: Head[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let unanswered = 0;

  const name = (): string => `${traits.info.peek().record ?? ""}|${variantOf(traits)}`;

  const store = (of: string): Map<string, Thumbnail> => {
    const found = stores.get(of) ?? new Map<string, Thumbnail>();
    stores.set(of, found);
    return found;
  };

  const forgetOthers = (record: string): void => {
    for (const of of stores.keys()) if (!of.startsWith(`${record}|`)) stores.delete(of);
    for (const key of asked) if (!key.startsWith(`${record}|`)) asked.delete(key);
  };

  const stopFirst = effect(() => {
    const { layers, n_heads: heads = 0, length = 0, thumb_level: level = 0, record = "" } = traits.info.value;
    const first = traits.first.value;
    const of = traits.firstName.value;
    forgetOthers(record);
    const side = Math.ceil(length / 2 ** level);
    const size = side * side;
    if (!(first && layers) || size === 0 || first.length !== layers.length * heads * size) return;
    if (!of.startsWith(`${record}|`)) return;
    const into = store(of);
    for (const [row, layer] of layers.entries()) {
      for (let head = 0; head < heads; head++) {
        const at = (row * heads + head) * size;
        into.set(`${layer}:${head}`, { codes: first.subarray(at, at + size), rows: side, cols: side });
      }
    }
    version.value = version.peek() + 1;
  });
  ends.addEventListener("abort", stopFirst, { once: true });
  ends.addEventListener("abort", () => clearTimeout(timer), { once: true });

  const accept = (of: string, { content, buffers }: Answer): void => {
    const into = store(of);
    let at = 0;
    for (const [layer, head, rows, cols] of (content["thumbs"] ?? []) as [Which, Which, number, number][]) {
      const size = rows * cols;
      const codes = buffers[0]?.subarray(at, at + size);
      if (codes?.length === size) into.set(`${layer}:${head}`, { codes, rows, cols });
      at += size;
    }
    version.value = version.peek() + 1;
  };

  const ask = (): void => {
    timer = undefined;
    const of = name();
    const [record = "", variant = ""] = of.split("|");
    const there = store(of);
    const heads = wanted.filter(([layer, head]) => {
      const key = `${layer}:${head}`;
      return !(there.has(key) || asked.has(`${of}|${key}`));
    });
    wanted = [];
    if (heads.length === 0 || record === "") return;
    for (const [layer, head] of heads) asked.add(`${of}|${layer}:${head}`);
    const onPart = (part: Answer): void => accept(of, part);
    wire
      .request("thumbs", { record, variant, heads }, { onPart, timeout: 60_000 })
      .then((last) => {
        unanswered = 0;
        accept(of, last);
      })
      .catch(() => {
        unanswered += 1;
        for (const [layer, head] of heads) asked.delete(`${of}|${layer}:${head}`);
        // The next drawing asks again, but a kernel that is gone is not asked for ever.
        if (unanswered < 3 && !ends.aborted) version.value = version.peek() + 1;
      });
  };

  return {
    version,
    get(layer, head) {
      const [record = "", variant = ""] = name().split("|");
      const other = variant === "plain" ? "no_sink" : "plain";
      const key = `${layer}:${head}`;
      return stores.get(`${record}|${variant}`)?.get(key) ?? stores.get(`${record}|${other}`)?.get(key);
    },
    want(heads) {
      const of = name();
      const there = stores.get(of);
      const missing = heads.filter(([layer, head]) => !there?.has(`${layer}:${head}`));
      if (missing.length === 0 || unanswered >= 3) return;
      wanted = missing;
      const patient = there === undefined && missing.some(([layer, head]) => isHead(layer) && isHead(head));
      timer ??= setTimeout(ask, patient ? PATIENCE : 16);
    },
  };
}

const isHead = (which: Which): boolean => typeof which === "number";
