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
  // By "record|variant", then "layer:head"; undefined for one that was asked for.
  const stores = new Map<string, Map<string, Thumbnail | undefined>>();
  let wanted: Head[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  const name = (): string => `${traits.info.peek().record ?? ""}|${variantOf(traits)}`;

  const store = (of: string): Map<string, Thumbnail | undefined> => {
    const found = stores.get(of) ?? new Map<string, Thumbnail | undefined>();
    stores.set(of, found);
    return found;
  };

  const stopFirst = effect(() => {
    const { layers, n_heads: heads = 0, length = 0, thumb_level: level = 0, record = "" } = traits.info.value;
    const first = traits.first.value;
    const of = traits.firstName.value;
    for (const other of stores.keys()) if (!other.startsWith(`${record}|`)) stores.delete(other);
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
    let at = 0;
    for (const [layer, head, rows, cols] of (content["thumbs"] ?? []) as [Which, Which, number, number][]) {
      const codes = buffers[0]?.subarray(at, at + rows * cols) ?? new Uint8Array();
      store(of).set(`${layer}:${head}`, { codes, rows, cols });
      at += rows * cols;
    }
    version.value = version.peek() + 1;
  };

  const ask = (): void => {
    timer = undefined;
    const of = name();
    const [record, variant] = of.split("|");
    const there = store(of);
    const heads = wanted.filter(([layer, head]) => !there.has(`${layer}:${head}`));
    for (const [layer, head] of heads) there.set(`${layer}:${head}`, undefined);
    if (heads.length === 0) return;
    const onPart = (part: Answer): void => accept(of, part);
    // A head that was refused stays a skeleton until there is another record or variant.
    wire.request("thumbs", { record, variant, heads }, { onPart }).then(onPart, () => undefined);
  };

  return {
    version,
    get(layer, head) {
      const [record, variant] = name().split("|");
      const key = `${layer}:${head}`;
      const other = variant === "plain" ? "no_sink" : "plain";
      return stores.get(name())?.get(key) ?? stores.get(`${record}|${other}`)?.get(key);
    },
    want(heads) {
      const there = stores.get(name());
      wanted = heads.filter(([layer, head]) => !there?.has(`${layer}:${head}`));
      const patient = there === undefined && wanted.some(([layer, head]) => isHead(layer) && isHead(head));
      if (wanted.length > 0) timer ??= setTimeout(ask, patient ? PATIENCE : 16);
    },
  };
}

const isHead = (which: Which): boolean => typeof which === "number";
