// The widget's traits as signals: what Python wrote can be read, what a person does here is written back.
//
// The names of the traits are those of gptwidgets/widgets/heatmap.py, in camelCase; objects inside them
// keep the names that they have on the wire. One HeatTraits serves all views of a model.
import { batch, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";

/** What anywidget hands to `initialize` and `render`, as far as it is used here. */
export interface AnyModel {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  // biome-ignore lint/suspicious/noExplicitAny: a callback's arguments depend on the event's name.
  on(event: string, callback: (...values: any[]) => void): void;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  off(event: string, callback: (...values: any[]) => void): void;
  send(content: unknown, callbacks?: unknown, buffers?: readonly (ArrayBuffer | ArrayBufferView)[]): void;
}

/** A layer or head: its real number, or the mean or maximum over all of them. */
export type Which = number | "mean" | "max";
export type Direction = "from" | "to";
export type Scale = "linear" | "sqrt" | "log";
export type Colormap = "auto" | "viridis" | "cividis" | "magma" | "grey";
export type Sort = "" | "entropy" | "distance" | "first" | "previous" | "same" | "induction";
export type Status = "empty" | "loading" | "recording" | "ready" | "error" | "closed";
/** First query, first key, number of queries, number of keys, in tokens; [] is the whole head. */
export type View = readonly [] | readonly [number, number, number, number];
export type Filter = readonly [] | readonly [string, number, number];

export interface Progress {
  readonly stage?: string;
  readonly done?: number;
  readonly total?: number | null;
  readonly unit?: string;
  readonly seconds_left?: number | null;
}

export interface WidgetError {
  readonly type?: string;
  readonly message?: string;
  readonly action?: string;
}

export interface Info {
  readonly record?: string;
  readonly length?: number;
  /** Real numbers of the recorded layers, in order. */
  readonly layers?: readonly number[];
  readonly n_heads?: number;
  readonly n_kv_heads?: number;
  /** A sliding window in tokens, or null, per recorded layer. */
  readonly windows?: readonly (number | null)[];
  readonly name?: string;
  readonly causal?: boolean;
  readonly signed?: boolean;
  /** The largest magnitude of a signed array. */
  readonly vmax?: number;
  readonly first_level?: number;
  readonly device?: string;
  readonly dtype?: string;
  /** Whether a model that is open made the record. */
  readonly model?: boolean;
}

export interface TokenColumns {
  readonly pieces?: readonly string[];
  readonly ids?: readonly number[];
  /** A number a token, shared by the tokens of one split character; null where none is split. */
  readonly groups?: readonly number[] | null;
  /** What a person reads in a group of several tokens, by its number. */
  readonly group_text?: Readonly<Record<string, string>>;
  readonly special?: readonly number[];
}

export interface Scores {
  readonly columns?: readonly string[];
  /** Layer, head, then one number a column. */
  readonly rows?: readonly (readonly (number | null)[])[];
  readonly sampled?: boolean;
  readonly induction?: boolean;
}

/** What a person, or Python, sets; changes here are saved to the model. */
export interface Written {
  text: string;
  title: string;
  height: number;
  presentation: boolean;
  editable: boolean;
  layer: Which;
  head: Which;
  query: number | null;
  key: number | null;
  direction: Direction;
  view: View;
  scale: Scale;
  colormap: Colormap;
  hideSink: boolean;
  sort: Sort;
  descending: boolean;
  filter: Filter;
  aggregates: boolean;
}

/** What only Python writes. */
export interface Told {
  status: Status;
  progress: Progress;
  error: WidgetError;
  notes: readonly string[];
  info: Info;
  tokens: TokenColumns;
  scores: Scores;
  /** A caption for each kind of head. */
  kinds: Readonly<Record<string, string>>;
  /** Layer, head, kind. */
  kindOf: readonly (readonly [number, number, string])[];
  sentence: string;
  /** All thumbnails, uint8 [n_layers * n_heads, s, s], and "record|variant". */
  first: Uint8Array | null;
  firstName: string;
  /** The chosen head at a level of at most 512 cells a side, and "record|variant|layer|head|level". */
  opening: Uint8Array | null;
  openingName: string;
}

export type HeatTraits = { readonly [Name in keyof Written]: Signal<Written[Name]> } & {
  readonly [Name in keyof Told]: ReadonlySignal<Told[Name]>;
};

/** The values until Python has spoken. They are also the list of the traits' names. */
const written = (): Written => ({
  text: "",
  title: "",
  height: 560,
  presentation: false,
  editable: true,
  layer: 0,
  head: 0,
  query: null,
  key: null,
  direction: "from",
  view: [],
  scale: "sqrt",
  colormap: "auto",
  hideSink: true,
  sort: "",
  descending: true,
  filter: [],
  aggregates: false,
});

const told = (): Told => ({
  status: "empty",
  progress: {},
  error: {},
  notes: [],
  info: {},
  tokens: {},
  scores: {},
  kinds: {},
  kindOf: [],
  sentence: "",
  first: null,
  firstName: "",
  opening: null,
  openingName: "",
});

/** Panning changes `view` 60 times a second; the kernel hears of it when the hand rests. */
const VIEW_DELAY = 150;

/**
 * Binds signals to the model's traits until `ends` aborts.
 *
 * A written signal saves itself to the model at the end of the task (`view`: 150 ms after the last
 * change); a value that the model already has is not written again.
 */
export function heatTraits(model: AnyModel, ends: AbortSignal): HeatTraits {
  const traits: Record<string, Signal<unknown>> = {};
  const defaults: Readonly<Record<string, unknown>> = { ...told(), ...written() };
  const stops: (() => void)[] = [];
  let saving = false;
  let writing = false;
  let viewTimer: ReturnType<typeof setTimeout> | undefined;

  const read = (name: string): unknown => {
    const value = model.get(snake(name));
    return (isBuffer(value) ? bytes(value) : value) ?? defaults[name];
  };

  const save = () => {
    if (saving) return;
    saving = true;
    queueMicrotask(() => {
      saving = false;
      if (!ends.aborted) model.save_changes();
    });
  };

  // Traits that came in one message are all there before the first of their events: taking all of them
  // at once keeps together what belongs together, as a buffer and its name.
  const heard = () => {
    if (writing) return; // our own event; other signals of the same batch are still to be written
    batch(() => {
      for (const [name, bound] of Object.entries(traits)) {
        if (name === "view" && viewTimer !== undefined) continue; // the hand is on it
        const value = read(name);
        if (!same(bound.peek(), value)) bound.value = value;
      }
    });
  };

  for (const name of Object.keys(defaults)) {
    const event = `change:${snake(name)}`;
    traits[name] = signal(read(name));
    model.on(event, heard);
    stops.push(() => model.off(event, heard));
  }

  for (const name of Object.keys(written())) {
    const bound = traits[name] as Signal<unknown>;
    const write = () => {
      if (same(bound.peek(), read(name))) return;
      writing = true;
      model.set(snake(name), bound.peek());
      writing = false;
      save();
    };
    const later = () => {
      clearTimeout(viewTimer);
      viewTimer = setTimeout(() => {
        viewTimer = undefined;
        write();
      }, VIEW_DELAY);
    };
    stops.push(
      effect(() => {
        void bound.value;
        if (name === "view") later();
        else write();
      }),
    );
  }
  ends.addEventListener("abort", () => {
    clearTimeout(viewTimer);
    for (const stop of stops) stop();
  });
  return traits as unknown as HeatTraits;
}

/** The name of the kernel's variant of a head: with the first token's column, or without it. */
export function variantOf(traits: HeatTraits): "plain" | "no_sink" {
  return traits.hideSink.value ? "no_sink" : "plain";
}

function snake(name: string): string {
  return name.replace(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`);
}

const isBuffer = (value: unknown): value is ArrayBuffer | ArrayBufferView =>
  value instanceof ArrayBuffer || ArrayBuffer.isView(value);

/** The bytes of a buffer as it came, without a copy; a view's own offset and length count. */
export function bytes(buffer: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (!ArrayBuffer.isView(buffer)) return new Uint8Array(buffer);
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Equal as JSON would have it; buffers are the same where their memory is. */
function same(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.buffer === b.buffer && a.byteOffset === b.byteOffset && a.length === b.length;
  }
  return a === b || (!(isBuffer(a) || isBuffer(b)) && JSON.stringify(a) === JSON.stringify(b));
}
