// The heatmap's traits as signals: what Python wrote can be read, what a person does here is written back.
//
// The names of the traits are those of gptwidgets/widgets/heatmap.py, in camelCase; objects inside them
// keep the names that they have on the wire. One HeatTraits serves all views of a model.
import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import { type AnyModel, bindTraits } from "./bind";

/** A layer or head: its real number, or the mean or maximum over all of them. */
export type Which = number | "mean" | "max";
export type Direction = "from" | "to";
export type Scale = "linear" | "sqrt" | "log";
export type Colormap = "auto" | "viridis" | "cividis" | "magma" | "grey";
export type Sort =
  | ""
  | "entropy"
  | "distance"
  | "first"
  | "previous"
  | "same"
  | "induction"
  | "effect"
  | "direct"
  | "value"
  | "own";
/** Which numbers the picture shows: see gptwidgets/kernel/stages.py. */
export type Stage = "raw" | "scaled" | "masked" | "softmax" | "value-weighted";
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
  /** Of a text that grows, the tokens that it began with: `HeatTraits.length` goes on from here. */
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
  /** The stages that the record has. */
  readonly stages?: readonly Stage[];
  readonly first_level?: number;
  readonly device?: string;
  readonly dtype?: string;
  /** Whether a model that is open made the record. */
  readonly model?: boolean;
  /** Whether it follows what the model writes, or will write. */
  readonly following?: boolean;
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
  /** What the score "own" is called. */
  readonly own?: string;
}

/** What stands for the output of a head that is switched off. */
export type Ablation = "mean" | "zero" | "resample";
/** What the pictures show: the changed model, the untouched one, or the first minus the second. */
export type Compare = "with" | "without" | "difference";
/** Layer, head. */
export type HeadOff = readonly [number, number];
/** Layer, head, query, key. */
export type Edge = readonly [number, number, number, number];

/** Of one side: the log-probability of what the untouched model finds most probable, and the next tokens. */
export interface Says {
  readonly logprob: number;
  readonly next: readonly (readonly [piece: string, id: number, prob: number])[];
}

/** What a change does; the tokens of both sides stand in the same order. */
export interface Effect {
  readonly untouched?: Says;
  readonly now?: Says;
  readonly text?: { readonly untouched?: number; readonly now?: number; readonly unit?: string };
  readonly continuation?: { readonly untouched: string; readonly now: string };
  readonly control?: {
    readonly target?: string;
    readonly untouched?: number;
    readonly now?: number;
    readonly others?: readonly number[];
    /** Nats a token, untouched and now. */
    readonly text?: readonly number[];
    readonly unrelated?: readonly number[];
  };
  readonly words?: string;
  /** What an effect is and is not. */
  readonly is?: string;
  readonly busy?: boolean;
  readonly error?: string;
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
  /** The token under the pointer, here or in a widget that is linked. */
  pointed: number | null;
  direction: Direction;
  view: View;
  scale: Scale;
  colormap: Colormap;
  hideSink: boolean;
  sort: Sort;
  color: Sort;
  descending: boolean;
  filter: Filter;
  aggregates: boolean;
  headsOff: readonly HeadOff[];
  cut: readonly Edge[];
  ablation: Ablation;
  switching: boolean;
  compare: Compare;
  stage: Stage;
  /** How many parts of a cell's arithmetic are unfolded. */
  step: number;
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
  effect: Effect;
  undoable: number;
}

export type HeatTraits = { readonly [Name in keyof Written]: Signal<Written[Name]> } & {
  readonly [Name in keyof Told]: ReadonlySignal<Told[Name]>;
} & {
  /** Shows another value on this page until Python says a new one. */
  readonly override: <Name extends keyof Told>(name: Name, value: Told[Name]) => void;
  /** Tokens of the record, 0 where there is none. It goes up while a text is written, and `info` stays as it is. */
  readonly length: ReadonlySignal<number>;
  /** The level of the thumbnails of so many tokens. */
  readonly firstLevel: ReadonlySignal<number>;
  /** A record has this length now. */
  readonly grow: (record: string, length: number, firstLevel: number) => void;
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
  pointed: null,
  direction: "from",
  view: [],
  scale: "sqrt",
  colormap: "auto",
  hideSink: true,
  sort: "",
  color: "",
  descending: true,
  filter: [],
  aggregates: false,
  headsOff: [],
  cut: [],
  ablation: "mean",
  switching: false,
  compare: "with",
  stage: "softmax",
  step: 7,
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
  effect: {},
  undoable: 0,
});

/** Panning changes `view` 60 times a second; the kernel hears of it when the hand rests. */
const VIEW_DELAY = 150;
/** A hand passes many tokens a second; where it rests is told. */
const POINT_DELAY = 30;

/** Binds signals to the model's traits until `ends` aborts. */
export function heatTraits(model: AnyModel, ends: AbortSignal): HeatTraits {
  const delays = { view: VIEW_DELAY, pointed: POINT_DELAY, query: 0, key: 0 };
  const { traits, override } = bindTraits<Written, Told>(model, written(), told(), ends, delays);
  const grown = signal<Pick<Info, "record" | "length" | "first_level">>({});
  const size = computed(() => {
    const [begun, now] = [traits.info.value, grown.value];
    return now.record === begun.record && (now.length ?? 0) > (begun.length ?? 0) ? now : begun;
  });
  return {
    ...traits,
    override,
    length: computed(() => size.value.length ?? 0),
    firstLevel: computed(() => size.value.first_level ?? 0),
    grow(record, length, firstLevel) {
      grown.value = { record, length, first_level: firstLevel };
    },
  };
}

/** The name of the kernel's variant of a head: with the first token's column, or without it. */
export function variantOf(traits: HeatTraits): "plain" | "no_sink" {
  return traits.hideSink.value ? "no_sink" : "plain";
}

/** The stage that the picture shows: of means and maxima, and of a text that grows, the softmax alone. */
export function stageOf({ stage, info, layer, head }: HeatTraits): Stage {
  const { stages = [], following } = info.value;
  const one = typeof layer.value === "number" && typeof head.value === "number" && !following;
  return one && stages.includes(stage.value) ? stage.value : "softmax";
}

/** The name of the kernel's variant of the picture: with its stage, where that is not the softmax. */
export function seenVariant(traits: HeatTraits): string {
  const stage = stageOf(traits);
  return stage === "softmax" ? variantOf(traits) : `${variantOf(traits)}:${stage}`;
}
