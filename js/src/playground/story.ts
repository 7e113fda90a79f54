// All that was written, as far as this page knows it: the tree's entries, and each node's tokens as columns that
// grow while a model writes. Events bring what is new, the traits what a saved notebook kept.
import { batch, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import { type Column, type Numbers, type Spec, unpack } from "../columns";
import { tellPage } from "../together";
import { type Answer, type Fields, type Wire, WireError } from "../wire";
import type { Entry, Figures, PlayTraits } from "./traits";

/** One token of a path, with all that is known of it. */
export interface Place {
  readonly node: string;
  /** Counted over the whole path. */
  readonly at: number;
  readonly tokens: Tokens;
  /** Counted within the node. */
  readonly own: number;
}

const NUMBERS = ["id", "logprob", "sampled", "rank", "entropy", "ms"] as const;
const CHOICES = ["alt_id", "alt_logprob", "alt_sampled"] as const;
type Name = (typeof NUMBERS)[number] | (typeof CHOICES)[number];
const WHOLE = new Set<string>(["id", "rank", "alt_id"]);

/** Tokens in columns whose room doubles; what is not known is -1 or NaN. */
export class Tokens {
  readonly texts: string[] = [];
  /** Alternatives a token. */
  k = 0;
  #room = 0;
  readonly #columns = new Map<Name, Numbers>();

  get length(): number {
    return this.texts.length;
  }

  /** Writes tokens from `start` on; what is there already may come again. */
  put(start: number, texts: readonly string[], columns: ReadonlyMap<string, Column>): void {
    this.#grow(start + texts.length, columns.get("alt_id")?.shape[1] ?? 0);
    for (const [name, { data, shape }] of columns) {
      const mine = this.#columns.get(name as Name);
      if (!mine) continue;
      const width = shape[1] ?? 1;
      const to = (CHOICES as readonly string[]).includes(name) ? this.k : 1;
      if (width === to) mine.set(data, start * to);
      else
        for (let t = 0; t < texts.length; t++) {
          mine.set(data.subarray(t * width, t * width + Math.min(width, to)), (start + t) * to);
        }
    }
    for (const [t, text] of texts.entries()) this.texts[start + t] = text;
  }

  of(name: Name, token: number): number {
    return this.#columns.get(name)?.[token] ?? (WHOLE.has(name) ? -1 : Number.NaN);
  }

  /** Alternative `i` of a token. */
  alt(name: (typeof CHOICES)[number], token: number, i: number): number {
    return this.of(name, token * this.k + i);
  }

  #grow(length: number, k: number): void {
    if (length <= this.#room && k <= this.k) return;
    const room = length <= this.#room ? this.#room : Math.max(64, 2 * this.#room, length);
    const wide = Math.max(k, this.k);
    const fresh = (name: string, size: number): Numbers =>
      WHOLE.has(name) ? new Int32Array(size).fill(-1) : new Float32Array(size).fill(Number.NaN);
    for (const name of NUMBERS) {
      const column = fresh(name, room);
      column.set(this.#columns.get(name) ?? []);
      this.#columns.set(name, column);
    }
    for (const name of CHOICES) {
      const column = fresh(name, room * wide);
      const old = this.#columns.get(name);
      for (let t = 0; old && t < this.length; t++) {
        column.set(old.subarray(t * this.k, (t + 1) * this.k), t * wide);
      }
      this.#columns.set(name, column);
    }
    this.k = wide;
    this.#room = room;
  }
}

export interface Beam {
  readonly ids: readonly number[];
  readonly token: number;
  readonly piece: string;
  readonly score: number;
  readonly parent: number;
  readonly kept: boolean;
  readonly finished: boolean;
}

export interface BeamStep {
  readonly index: number;
  readonly beams: readonly Beam[];
}

export interface Story {
  /** All nodes, in the order in which they were made; another map whenever an entry changes. */
  readonly entries: ReadonlySignal<ReadonlyMap<string, Entry>>;
  readonly figures: ReadonlySignal<Figures>;
  readonly beams: ReadonlySignal<ReadonlyMap<string, readonly BeamStep[]>>;
  /** Counts up whenever tokens came. */
  readonly grown: ReadonlySignal<number>;
  tokens(node: string): Tokens;
  piece(id: number): string | undefined;
  /** Takes pieces that came with another answer. */
  learn(pieces: unknown): void;
  /** The nodes of a path and where in it each one's tokens stand: [node, from, to). */
  path(leaf: string): readonly (readonly [node: string, from: number, to: number])[];
  length(leaf: string): number;
  place(leaf: string, at: number): Place | undefined;
  /** Asks for what this page has not heard. */
  catchUp(): Promise<void>;
}

interface Part {
  readonly node: string;
  readonly start?: number;
  readonly columns: Spec;
  readonly texts: readonly string[];
}

export function createStory(traits: PlayTraits, wire: Wire, ends: AbortSignal): Story {
  const entries: Signal<ReadonlyMap<string, Entry>> = signal(new Map());
  const figures = signal<Figures>({});
  const beams = signal<ReadonlyMap<string, readonly BeamStep[]>>(new Map());
  const grown = signal(0);
  const all = new Map<string, Tokens>();
  const pieces = new Map<number, string>();

  const tokens = (node: string): Tokens => {
    const found = all.get(node) ?? new Tokens();
    all.set(node, found);
    return found;
  };

  const learn = (fresh: unknown): void => {
    for (const [id, piece] of Object.entries((fresh ?? {}) as Record<string, string>)) {
      pieces.set(Number(id), piece);
    }
  };

  const merge = (fresh: readonly Entry[]): void => {
    if (fresh.length === 0) return;
    const next = new Map(entries.peek());
    for (const entry of fresh) next.set(entry.id, entry);
    entries.value = next;
  };

  let asking = false;
  const catchUp = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    const since = Object.fromEntries(
      [...all].filter(([, { length }]) => length > 0).map(([node, { length }]) => [node, length]),
    );
    try {
      const { content, buffers } = await wire.request("story", { since }, { signal: ends });
      take({ content: { ...content, nodes: content["tree"] }, buffers });
    } finally {
      asking = false;
    }
  };

  const take = ({ content, buffers }: Answer): void => {
    let gap = false;
    batch(() => {
      learn(content["pieces"]);
      for (const [i, part] of ((content["parts"] ?? []) as readonly Part[]).entries()) {
        const to = tokens(part.node);
        const start = part.start ?? 0;
        if (start > to.length) gap = true;
        else to.put(start, part.texts, unpack(part.columns, buffers[i] ?? new Uint8Array()));
      }
      merge((content["nodes"] ?? []) as readonly Entry[]);
      takeBeams(content);
      const told = content["figures"] as Figures | undefined;
      if (told && Object.keys(told).length > 0) figures.value = { ...figures.peek(), ...told };
      grown.value = grown.peek() + 1;
    });
    if (gap) catchUp().catch(() => undefined);
  };

  const takeBeams = (content: Fields): void => {
    const came = (content["beams"] ?? []) as readonly { node: string; steps: readonly BeamStep[] }[];
    if (came.length === 0) return;
    const next = new Map(beams.peek());
    for (const { node, steps } of came) {
      const known = new Map((next.get(node) ?? []).map((step) => [step.index, step]));
      for (const step of steps) known.set(step.index, step);
      next.set(
        node,
        [...known.values()].sort((a, b) => a.index - b.index),
      );
    }
    beams.value = next;
  };

  // What the notebook kept, or a finished run left; tokens that the page has already stay as they are.
  let model: string | undefined;
  const read = (): void => {
    const { name } = traits.info.value;
    if (name !== model) pieces.clear(); // another model has other tokens
    model = name;
    const { nodes = [], pieces: known } = traits.storyColumns.value;
    const bytes = traits.story.value ?? new Uint8Array();
    batch(() => {
      learn(known);
      for (const { node, columns, offset, texts } of nodes) {
        const to = tokens(node);
        if (texts.length > to.length) to.put(0, texts, unpack(columns, bytes.subarray(offset)));
      }
      grown.value = grown.peek() + 1;
    });
  };
  const stops = [
    effect(() => {
      try {
        read();
      } catch (error) {
        if (!(error instanceof RangeError)) throw error; // two traits that do not belong together yet
      }
    }),
    effect(() => {
      entries.value = new Map(traits.tree.value.map((entry) => [entry.id, entry]));
    }),
    effect(() => {
      figures.value = traits.figures.value;
    }),
  ];
  ends.addEventListener("abort", () => {
    for (const stop of stops) stop();
  });
  const told = (answer: Answer): void => {
    take(answer);
    tellPage();
  };
  wire.onEvent("tokens", told, ends);

  const path: Story["path"] = (leaf) => {
    const found: [string, number, number][] = [];
    let end = Number.POSITIVE_INFINITY;
    for (let entry = entries.peek().get(leaf); entry; entry = entries.peek().get(entry.parent ?? "")) {
      const to = Math.min(end, entry.at + tokens(entry.id).length);
      if (to > entry.at) found.unshift([entry.id, entry.at, to]);
      end = Math.min(end, entry.at);
    }
    return found;
  };

  return {
    entries,
    figures,
    beams,
    grown,
    tokens,
    piece: (id) => pieces.get(id),
    learn,
    path,
    length: (leaf) => path(leaf).at(-1)?.[2] ?? 0,
    place(leaf, at) {
      const found = path(leaf).find(([, from, to]) => at >= from && at < to);
      return found && { node: found[0], at, tokens: tokens(found[0]), own: at - found[1] };
    },
    catchUp: () =>
      catchUp().catch((error: unknown) => {
        if (!(error instanceof WireError || ends.aborted)) throw error;
      }),
  };
}
