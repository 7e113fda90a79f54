// The overview's thumbnails: small ones of all heads come with the traits; finer ones, and those that did
// not come, are asked for when they show. One store a model; its views share it.

import { effect, type ReadonlySignal, signal } from "@preact/signals-core";
import { type HeatTraits, variantOf, type Which } from "../model";
import type { Answer, Wire } from "../wire";
import type { Thumbnail } from "./layout";
import { cellsAt } from "./viewport";

type Head = readonly [layer: Which, head: Which];

export interface Thumbs {
  /** Counts up whenever thumbnails came. */
  readonly version: ReadonlySignal<number>;
  /** A head's thumbnail, the finest there is; while it is on its way the other variant's, if that is there. */
  get: (layer: Which, head: Which) => Thumbnail | undefined;
  /** Asks for those heads that are not there yet, or only coarser than the `pixels` of a side that show them. */
  want: (heads: readonly Head[], pixels: number) => void;
}

interface Store {
  /** By "layer:head". */
  readonly small: Map<string, Thumbnail>;
  /** undefined for one that was asked for. */
  readonly fine: Map<string, Thumbnail | undefined>;
}

/** How long the kernel has to send all thumbnails by itself before they are asked for one by one. */
const PATIENCE = 800; // ms

export function createThumbs(traits: HeatTraits, wire: Wire, ends: AbortSignal): Thumbs {
  const version = signal(0);
  const stores = new Map<string, Store>(); // by "record|variant"
  let wanted: Head[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  const name = (): string => `${traits.info.peek().record ?? ""}|${variantOf(traits)}`;

  const store = (of: string): Store => {
    const found = stores.get(of) ?? { small: new Map(), fine: new Map() };
    stores.set(of, found);
    return found;
  };

  const stopFirst = effect(() => {
    const { layers, n_heads: heads = 0, record = "", following } = traits.info.value;
    const first = traits.first.value;
    const [of, variant, exact] = traits.firstName.value.split("|");
    for (const other of stores.keys()) if (!other.startsWith(`${record}|`)) stores.delete(other);
    const side = cellsAt(traits.firstLevel.value, traits.length.value);
    const size = side * side;
    if (!(first && layers) || size === 0 || first.length !== layers.length * heads * size) return;
    if (of !== record) return;
    const { small, fine } = store(`${of}|${variant}`);
    for (const [row, layer] of layers.entries()) {
      for (let head = 0; head < heads; head++) {
        const at = (row * heads + head) * size;
        small.set(`${layer}:${head}`, { codes: first.subarray(at, at + size), rows: side, cols: side });
      }
    }
    // What is finer was from sampled rows as well, before the exact ones came.
    if (following) fine.clear(); // of fewer tokens; finer ones are asked for at the end
    if (exact !== "0")
      for (const [head, { exact: all } = { exact: true }] of fine) if (!all) fine.delete(head);
    version.value = version.peek() + 1;
  });
  ends.addEventListener("abort", stopFirst, { once: true });
  ends.addEventListener("abort", () => clearTimeout(timer), { once: true });

  const accept = (of: string, { content, buffers }: Answer): void => {
    let at = 0;
    for (const entry of (content["thumbs"] ?? []) as [Which, Which, number, number, number][]) {
      const [layer, head, rows, cols, exact] = entry;
      const codes = buffers[0]?.subarray(at, at + rows * cols) ?? new Uint8Array();
      store(of).fine.set(`${layer}:${head}`, { codes, rows, cols, exact: Boolean(exact) });
      at += rows * cols;
    }
    version.value = version.peek() + 1;
  };

  const ask = (): void => {
    timer = undefined;
    const of = name();
    const [record, variant] = of.split("|");
    const { fine } = store(of);
    const heads = wanted.filter(([layer, head]) => !fine.has(`${layer}:${head}`));
    for (const [layer, head] of heads) fine.set(`${layer}:${head}`, undefined);
    if (heads.length === 0) return;
    const onPart = (part: Answer): void => accept(of, part);
    // A head that was refused stays as it is until there is another record or variant.
    wire.request("thumbs", { record, variant, heads }, { onPart }).then(onPart, () => undefined);
  };

  return {
    version,
    get(layer, head) {
      const [record, variant] = name().split("|");
      const key = `${layer}:${head}`;
      const other = variant === "plain" ? "no_sink" : "plain";
      const both = [stores.get(name()), stores.get(`${record}|${other}`)];
      return both.map((there) => there?.fine.get(key) ?? there?.small.get(key)).find(Boolean);
    },
    want(heads, pixels) {
      const there = stores.get(name());
      const level = traits.firstLevel.peek();
      const coarse =
        level > 0 && pixels > cellsAt(level, traits.length.peek()) && !traits.info.peek().following;
      wanted = heads.filter(([layer, head]) => {
        const key = `${layer}:${head}`;
        return !(there?.fine.has(key) || (there?.small.has(key) && !coarse));
      });
      const patient = !there?.small.size && wanted.some(([layer, head]) => isHead(layer) && isHead(head));
      if (wanted.length > 0) timer ??= setTimeout(ask, patient ? PATIENCE : 16);
    },
  };
}

const isHead = (which: Which): boolean => typeof which === "number";
