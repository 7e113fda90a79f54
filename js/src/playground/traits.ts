// The playground's traits as signals. The names are those of gptwidgets/widgets/playground, in camelCase; objects
// inside them keep the names that they have on the wire.
import { type AnyModel, type Bound, bindTraits } from "../bind";
import type { Spec } from "../columns";
import type { Ablation, Edge, HeadOff, Progress, WidgetError } from "../model";

export type Status = "loading" | "empty" | "ready" | "running" | "error" | "closed";
export type Coloring = "probability" | "rank" | "entropy" | "surprise" | "attention" | "difference" | "none";
export type Reason = "end" | "stop" | "max_new_tokens" | "context" | "stopped" | "memory" | "error";

export interface Message {
  readonly role: string;
  readonly content: string;
}

/** How tokens are chosen: the names of gw.Sampling, of which any may be missing. */
export interface Rules {
  readonly temperature?: number;
  readonly top_k?: number;
  readonly top_p?: number;
  readonly min_p?: number;
  readonly repetition_penalty?: number;
  readonly max_new_tokens?: number;
  readonly stop?: readonly string[];
  readonly seed?: number | null;
  readonly beams?: number;
}

export interface Info {
  readonly name?: string;
  readonly context_length?: number | null;
  readonly vocabulary?: number | null;
  /** Whether there is a chat template. */
  readonly chat?: boolean;
  readonly device?: string;
  readonly dtype?: string;
  readonly can?: readonly string[];
  /** For each of what it cannot do, a sentence that says why. */
  readonly cannot?: Readonly<Record<string, string>>;
  readonly memory?: number | null;
}

/** A node of the tree of everything that was written, without its tokens. */
export interface Entry {
  readonly id: string;
  readonly parent: string | null;
  /** How many tokens of the parent's path come before its own. */
  readonly at: number;
  readonly kind: "prompt" | "written" | "edited";
  readonly length: number;
  readonly sampling?: Rules;
  readonly seed?: number | null;
  readonly reason?: Reason | null;
  readonly name?: string;
  readonly pruned?: boolean;
  /** The same for what one run wrote together; "" otherwise. */
  readonly sequence?: string;
  readonly preview?: string;
  readonly running?: boolean;
  /** What was changed inside the model while it was written, in words. */
  readonly under?: string;
}

export interface Figures {
  readonly tokens_per_second?: number | null;
  readonly first_token_ms?: number | null;
  readonly context_used?: number | null;
  readonly memory_bytes?: number | null;
  /** Runs that wait for their turn. */
  readonly queued?: number;
}

export interface Preset {
  readonly name: string;
  readonly kind: "text" | "chat";
  readonly prompt?: string;
  readonly messages?: readonly Message[];
  readonly sampling?: Rules;
  readonly own?: boolean;
  readonly note?: string;
}

/** Where each node's columns stand in `story`. */
export interface StoryColumns {
  readonly nodes?: readonly {
    readonly node: string;
    readonly columns: Spec;
    /** In bytes. */
    readonly offset: number;
    readonly texts: readonly string[];
  }[];
  readonly pieces?: Readonly<Record<string, string>>;
}

/** What `attention` shows. */
export interface AttentionOf {
  readonly leaf?: string;
  readonly words?: string;
  /** The weight that the strongest colour is. */
  readonly most?: number;
}

/** What `difference` shows, or why it shows nothing. */
export interface DifferenceOf {
  readonly leaf?: string;
  /** What is changed inside the model. */
  readonly words?: string;
  /** The text's log-probability, in nats. */
  readonly untouched?: number;
  readonly changed?: number;
  readonly busy?: boolean;
  readonly error?: string;
}

/** What a person, or Python, sets. */
export interface Written {
  prompt: string;
  messages: readonly Message[];
  chat: boolean;
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  repetitionPenalty: number;
  maxNewTokens: number;
  stopAt: readonly string[];
  seed: number | null;
  beams: number;
  n: number;
  alternatives: number;
  /** A second set of rules, side by side with the first: what differs; {} for none. */
  other: Rules;
  color: Coloring;
  markdown: boolean;
  height: number;
  presentation: boolean;
  title: string;
  /** The node that is shown; "" for none. */
  leaf: string;
  /** The token that is kept, counted over the whole shown path. */
  token: number | null;
  /** The token under the pointer, counted over the whole shown path. */
  pointed: number | null;
  /** The chosen cell of the logit lens: how many layers ran, and the token's position. */
  lensCell: readonly [layers: number, at: number] | null;
  headsOff: readonly HeadOff[];
  cut: readonly Edge[];
  ablation: Ablation;
}

/** What only Python writes. */
export interface Told {
  status: Status;
  progress: Progress;
  error: WidgetError;
  notes: readonly string[];
  info: Info;
  tree: readonly Entry[];
  figures: Figures;
  presets: readonly Preset[];
  story: Uint8Array | null;
  storyColumns: StoryColumns;
  /** What is changed inside the model while it writes here, in words. */
  under: string;
  /** Of each token of the shown text how much a head looks at it: the square root, of the largest, as 0 to 255. */
  attention: Uint8Array | null;
  attentionOf: AttentionOf;
  /** Of each token of the shown text its log-probability under the change minus that without it: float32, nats. */
  difference: Uint8Array | null;
  differenceOf: DifferenceOf;
}

export type PlayTraits = Bound<Written, Told>;

/** What a hand moves many times a second reaches the kernel when the hand rests, ms after it. */
const REST = 150;
const WORDS = 300;
const POINT = 30;

export function playTraits(
  model: AnyModel,
  ends: AbortSignal,
): { readonly traits: PlayTraits; readonly flush: () => void } {
  const written: Written = {
    prompt: "",
    messages: [],
    chat: false,
    temperature: 1,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    maxNewTokens: 100,
    stopAt: [],
    seed: null,
    beams: 1,
    n: 1,
    alternatives: 10,
    other: {},
    color: "probability",
    markdown: false,
    height: 480,
    presentation: false,
    title: "",
    leaf: "",
    token: null,
    pointed: null,
    lensCell: null,
    headsOff: [],
    cut: [],
    ablation: "mean",
  };
  const told: Told = {
    status: "loading",
    progress: {},
    error: {},
    notes: [],
    info: {},
    tree: [],
    figures: {},
    presets: [],
    story: null,
    storyColumns: {},
    under: "",
    attention: null,
    attentionOf: {},
    difference: null,
    differenceOf: {},
  };
  return bindTraits(model, written, told, ends, {
    prompt: WORDS,
    messages: WORDS,
    temperature: REST,
    topK: REST,
    topP: REST,
    minP: REST,
    repetitionPenalty: REST,
    other: REST,
    pointed: POINT,
  });
}

/** What stands in the sliders, as gw.Sampling names it. */
export function rulesOf(traits: PlayTraits): Required<Rules> {
  return {
    temperature: traits.temperature.value,
    top_k: traits.topK.value,
    top_p: traits.topP.value,
    min_p: traits.minP.value,
    repetition_penalty: traits.repetitionPenalty.value,
    max_new_tokens: traits.maxNewTokens.value,
    stop: traits.stopAt.value,
    seed: traits.seed.value,
    beams: traits.beams.value,
  };
}

/** Sets the sliders to what rules say; what they do not name stays. */
export function takeRules(traits: PlayTraits, rules: Rules): void {
  const set = <Name extends keyof Rules>(
    name: Name,
    put: (value: Exclude<Rules[Name], undefined>) => void,
  ) => {
    const value = rules[name];
    if (value !== undefined) put(value as Exclude<Rules[Name], undefined>);
  };
  set("temperature", (value) => {
    traits.temperature.value = value;
  });
  set("top_k", (value) => {
    traits.topK.value = value;
  });
  set("top_p", (value) => {
    traits.topP.value = value;
  });
  set("min_p", (value) => {
    traits.minP.value = value;
  });
  set("repetition_penalty", (value) => {
    traits.repetitionPenalty.value = value;
  });
  set("max_new_tokens", (value) => {
    traits.maxNewTokens.value = value;
  });
  set("stop", (value) => {
    traits.stopAt.value = value;
  });
  set("seed", (value) => {
    traits.seed.value = value;
  });
  set("beams", (value) => {
    traits.beams.value = value;
  });
}
