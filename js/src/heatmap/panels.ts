// What the panels around the matrix share: one Shared a model, so that several views have the same tiles and a
// re-created view paints at once; one Panels a view.

import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import type { AnyModel } from "../bind";
import { makePalette, type Palette } from "../color";
import { type Connection, greet } from "../connection";
import { type HeatTraits, heatTraits, type Stage, seenVariant, stageOf } from "../model";
import { type Theme, watchTheme } from "../theme";
import { named } from "../tokens";
import { createWire, type Fields, type Wire } from "../wire";
import { createCache, type TileCache } from "./cache";
import { followRuns } from "./following";
import { type Arrangement, arrange, type Cell } from "./layout";
import { createLines, type Lines } from "./lines";
import { changeable, cutBox } from "./switching";
import { createThumbs, type Thumbs } from "./thumbs";
import type { HeatContext, Hover, MatrixHandle } from "./types";

export interface Shared {
  readonly traits: HeatTraits;
  readonly wire: Wire;
  readonly cache: TileCache;
  readonly thumbs: Thumbs;
  readonly lines: Lines;
  readonly hover: Signal<Hover | null>;
  readonly connection: ReadonlySignal<Connection>;
  readonly ends: AbortController;
}

/** What floats beside the pointer: plain text, a strong line and quiet ones. */
export interface Tip {
  readonly x: number;
  readonly y: number;
  readonly strong: string;
  /** Words and, to the right of them, a figure. */
  readonly quiet: readonly (readonly [words: string, figure?: string])[];
}

interface Seen {
  readonly stage: Stage;
  readonly palette: Palette;
}

export interface Panels extends HeatContext, Omit<Shared, "ends"> {
  readonly root: HTMLElement;
  readonly theme: ReadonlySignal<Theme>;
  /** What the large picture shows, and its colours: those of the stage whose numbers are there. */
  readonly shown: ReadonlySignal<Seen>;
  /** All heads in the order in which the overview shows them. */
  readonly arrangement: ReadonlySignal<Arrangement>;
  readonly matrix: Signal<MatrixHandle | null>;
  readonly tip: Signal<Tip | null>;
  /** The token under the pointer in the text. */
  readonly pointed: Signal<number | null>;
  readonly editing: Signal<boolean>;
  /** What went wrong with something that was asked for here; "" where nothing did. */
  readonly said: Signal<string>;
  /** The token that gets most of the weight that the text shows, and how much. */
  readonly most: Signal<readonly [token: number, weight: number] | null>;
  /** Query and key as they are marked: with the arithmetic of their cell, where that comes at once. */
  readonly marked: Signal<readonly [query: number | null, key: number | null]>;
  readonly choose: (cell: Pick<Cell, "layer" | "head"> | undefined) => void;
  /** Asks the kernel for a job whose progress comes with the traits. */
  readonly ask: (kind: string, body?: Fields) => void;
  /** The widget's own width and height, CSS pixels. */
  readonly width: Signal<number>;
  readonly depth: Signal<number>;
  /** The base font size, CSS pixels. */
  readonly type: ReadonlySignal<number>;
  /** A prefix for ids, of this view only. */
  readonly id: string;
}

export function share(model: AnyModel, outer?: AbortSignal): Shared {
  const ends = new AbortController();
  outer?.addEventListener("abort", () => ends.abort(), { once: true });
  const traits = heatTraits(model, ends.signal);
  const wire = createWire(model, ends.signal);
  const connection = greet(wire, ends.signal);
  const cache = createCache(wire, traits, ends.signal);
  const lines = createLines(traits, wire);
  followRuns(traits, wire, { cache, lines }, ends.signal);
  return {
    traits,
    wire,
    cache,
    thumbs: createThumbs(traits, wire, ends.signal),
    lines,
    hover: signal<Hover | null>(null),
    connection,
    ends,
  };
}

export function panelsOf(shared: Shared, root: HTMLElement, ends: AbortSignal): Panels {
  const { ends: _, ...parts } = shared;
  const { traits } = parts;
  const theme = watchTheme(root, ends);
  const dark = computed(() => theme.value.dark);
  const palette = computed<Palette>(() =>
    makePalette({
      colormap: traits.colormap.value,
      scale: traits.scale.value,
      dark: dark.value,
      signed: traits.info.value.signed ?? false,
      vmax: traits.info.value.vmax ?? 1,
    }),
  );
  const shown = shownIn(traits, parts.cache, palette);
  const arrangement = computed(() =>
    arrange(traits.info.value.layers ?? [], traits.info.value.n_heads ?? 0, {
      aggregates: traits.aggregates.value,
      sort: traits.sort.value,
      descending: traits.descending.value,
      filter: traits.filter.value,
      scores: traits.scores.value,
    }),
  );
  const said = signal("");
  return {
    ...parts,
    root,
    theme,
    palette,
    shown,
    arrangement,
    matrix: signal<MatrixHandle | null>(null),
    tip: signal<Tip | null>(null),
    pointed: signal<number | null>(null),
    editing: signal(false),
    width: signal(0),
    depth: signal(0),
    said,
    most: signal<readonly [number, number] | null>(null),
    marked: signal([traits.query.peek(), traits.key.peek()] as const),
    choose(cell) {
      if (!cell) return;
      batch(() => {
        traits.layer.value = cell.layer;
        traits.head.value = cell.head;
      });
    },
    cutting: {
      on: () => traits.switching.peek() && changeable(traits),
      box(region) {
        said.value = cutBox(traits, region);
      },
    },
    ask(kind, body) {
      said.value = "";
      parts.wire.request(kind, body).catch((error: Error) => {
        if (!ends.aborted) said.value = error.message;
      });
    },
    type: computed(() => (traits.presentation.value ? 18 : 13)),
    id: `gw${crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36)}`,
    signal: ends,
  };
}

/** The chosen stage; until its numbers are there, the one before. */
function shownIn(traits: HeatTraits, cache: TileCache, palette: ReadonlySignal<Palette>): Panels["shown"] {
  const vmax = computed(() => {
    void cache.version.value;
    const name = `${traits.info.value.record}|${seenVariant(traits)}|${traits.layer.value}|${traits.head.value}`;
    return cache.vmax(name);
  });
  let before: Seen | undefined;
  const make = (): Seen => {
    const stage = stageOf(traits);
    if (stage === "softmax") return { stage, palette: palette.value };
    const { colormap, scale, dark } = palette.value;
    const signed = stage !== "value-weighted";
    const most = vmax.value ?? before?.palette.vmax;
    if (vmax.value === undefined && before?.stage !== stage)
      return before ?? { stage, palette: palette.value };
    return { stage, palette: makePalette({ colormap, scale, dark, signed, coded: true, vmax: most }) };
  };
  return computed(() => {
    before = make();
    return before;
  });
}

/** The token whose line is shown and kept: the query, or the key where it is asked who looks at it. */
export const lockedToken = ({ direction, query, key }: HeatTraits): number | null =>
  direction.value === "from" ? query.value : key.value;

/** Keeps a token in its place; another one is let go. */
export function lock({ direction, query, key }: HeatTraits, token: number | null): void {
  batch(() => {
    query.value = direction.value === "from" ? token : null;
    key.value = direction.value === "from" ? null : token;
  });
}

/** A token's piece as it is quoted: short, on one line, always something to see. */
export function quote(traits: HeatTraits, token: number): string {
  const [piece, part] = named(traits.tokens.value, token);
  const trimmed = piece.trim();
  if (trimmed === "") return piece.includes("\n") ? "⏎" : piece.includes("\t") ? "⇥" : "␣";
  const short = trimmed.length > 24 ? `${[...trimmed].slice(0, 23).join("")}…` : trimmed;
  return part ? `${short} ${part}` : short;
}
