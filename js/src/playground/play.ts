// What the parts of the playground share: one Shared a model, one Play a view.
import { batch, computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import type { AnyModel } from "../bind";
import { type Connection, greet } from "../connection";
import { type Theme, watchTheme } from "../theme";
import { type Answer, createWire, type Fields, type Wire } from "../wire";
import { because } from "./figures";
import { createLens, type LensState } from "./lens-state";
import { createNext, type Next } from "./next";
import { createScore, type Score } from "./score-state";
import { createStory, type Story } from "./story";
import { type Entry, type PlayTraits, playTraits } from "./traits";

export interface Shared {
  readonly traits: PlayTraits;
  /** Saves at once what a hand has just changed: what is asked for then is asked with it. */
  readonly flush: () => void;
  readonly wire: Wire;
  readonly story: Story;
  readonly connection: ReadonlySignal<Connection>;
  readonly next: Next;
  readonly score: Score;
  readonly lens: LensState;
  readonly ends: AbortController;
}

/** A token in a text that is shown. */
export interface Spot {
  readonly leaf: string;
  readonly at: number;
}

export type Mode = "text" | "chat" | "score";

export interface Play extends Omit<Shared, "ends"> {
  readonly root: HTMLElement;
  readonly theme: ReadonlySignal<Theme>;
  /** The token under the pointer or the keys. */
  readonly pointed: Signal<Spot | null>;
  readonly scoring: Signal<boolean>;
  /** Whether there is room for what each layer would say. */
  readonly layers: Signal<boolean>;
  readonly mode: ReadonlySignal<Mode>;
  /** The nodes whose paths stand side by side. */
  readonly shown: ReadonlySignal<readonly string[]>;
  /** Nodes that were marked: where one of them is shown, the others stand beside it. */
  readonly marked: Signal<ReadonlySet<string>>;
  /** Marks a node, or lets it go. */
  readonly mark: (leaf: string) => void;
  /** What was typed as the next message of a talk, and not sent. */
  readonly reply: Signal<string>;
  /** What went wrong with something that was asked for here; "" where nothing did. */
  readonly said: Signal<string>;
  readonly running: ReadonlySignal<boolean>;
  /** How a node's text ended, or that it is still being written, or was edited; "" of a prompt. */
  readonly state: (entry: Entry | undefined) => string;
  /** Which of two settings the sliders set. */
  readonly side: Signal<"a" | "b">;
  /** Asks the kernel; what goes wrong is said, and then there is no answer. */
  readonly ask: (kind: string, body?: Fields) => Promise<Answer | undefined>;
  /** Shows a node. */
  readonly show: (leaf: string) => void;
  /** Keeps a token in its place, or lets it go. */
  readonly keep: (spot: Spot | null) => void;
  readonly signal: AbortSignal;
  /** A prefix for ids, of this view only. */
  readonly id: string;
}

export function share(model: AnyModel, outer?: AbortSignal): Shared {
  const ends = new AbortController();
  outer?.addEventListener("abort", () => ends.abort(), { once: true });
  const { traits, flush } = playTraits(model, ends.signal);
  const wire = createWire(model, ends.signal);
  const connection = greet(wire, ends.signal);
  const story = createStory(traits, wire, ends.signal);
  // A page that comes later, or again, hears all that was said before it.
  const stop = effect(() => {
    if (connection.value === "live") void story.catchUp();
  });
  ends.signal.addEventListener("abort", stop);
  return {
    traits,
    flush,
    wire,
    story,
    connection,
    next: createNext(traits, story, wire, connection, ends.signal),
    score: createScore(story, wire, ends.signal),
    lens: createLens(traits, story, wire, flush, ends.signal),
    ends,
  };
}

export function playOf(shared: Shared, root: HTMLElement, ends: AbortSignal): Play {
  const { ends: _, ...parts } = shared;
  const { traits, story } = parts;
  const said = signal("");
  const scoring = signal(false);
  const marked = signal<ReadonlySet<string>>(new Set());
  // A value that cannot be is put right by its trait; here stands why.
  const refused = ({ content }: Answer): void => {
    said.value = String(content["message"]);
  };
  parts.wire.onEvent("refused", refused, ends);
  const show = (leaf: string): void => {
    batch(() => {
      traits.leaf.value = leaf;
      traits.token.value = null;
    });
  };
  return {
    ...parts,
    root,
    theme: watchTheme(root, ends),
    pointed: signal<Spot | null>(null),
    scoring,
    layers: signal(false),
    mode: computed(() => (scoring.value ? "score" : traits.chat.value ? "chat" : "text")),
    shown: computed(() => together(story, traits.leaf.value, marked.value)),
    marked,
    mark(leaf) {
      const fresh = new Set(marked.peek());
      if (!fresh.delete(leaf) && story.entries.peek().has(leaf)) fresh.add(leaf);
      marked.value = fresh;
    },
    reply: signal(""),
    said,
    // What a notebook was saved with, or a kernel died of, goes on no more.
    running: computed(() => traits.status.value === "running" && parts.connection.value !== "silent"),
    state(entry) {
      if (entry?.kind === "edited") return "edited";
      if (entry?.running !== true) return [because(entry?.reason), entry?.under].filter(Boolean).join(" · ");
      return parts.connection.value === "silent" ? "cut off: the kernel is gone" : "writing";
    },
    side: signal<"a" | "b">("a"),
    async ask(kind, body) {
      said.value = "";
      parts.flush();
      let answer: Answer | undefined;
      try {
        answer = await parts.wire.request(kind, body);
      } catch (error) {
        if (!ends.aborted) said.value = (error as Error).message;
      }
      return answer;
    },
    show,
    keep(spot) {
      batch(() => {
        if (spot) traits.leaf.value = spot.leaf;
        traits.token.value = spot?.at ?? null;
      });
    },
    signal: ends,
    id: `gw${crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36)}`,
  };
}

/**
 * What stands beside a node, in the order of the tree: where it is marked, the other marked ones; else what was
 * written with it in one run; else nothing.
 */
function together({ entries }: Story, leaf: string, marked: ReadonlySet<string>): readonly string[] {
  const all = entries.value;
  const sequence = all.get(leaf)?.sequence;
  if (!all.has(leaf)) return [];
  const others = [...all.keys()].filter((id) => marked.has(id));
  if (marked.has(leaf) && others.length > 1) return others;
  if (!sequence) return [leaf];
  return [...all.values()]
    .filter((entry) => entry.sequence === sequence && (!entry.pruned || entry.id === leaf))
    .map(({ id }) => id);
}
