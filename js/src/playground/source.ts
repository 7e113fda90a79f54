// What a text is made of: the path of a node, or a text that was scored.
import type { Signal } from "@preact/signals-core";
import type { Play } from "./play";
import type { Scored } from "./score-state";
import type { Tokens } from "./story";

export interface Source {
  /** The node's id; of a scored text a name of its own. */
  readonly leaf: string;
  /** The place of the first token to show, and the one after the last. */
  start(): number;
  end(): number;
  /** The same as long as tokens were only added. */
  shape(): string;
  /** Reads the signals that say when to look again. */
  changed(): void;
  text(at: number): string;
  /** Whether a token was given to the model, and not written by it. */
  given(at: number): boolean;
  tokens(at: number): readonly [tokens: Tokens, own: number];
  kept(): number | null;
  /** Keeps a token in its place, or lets it go. */
  keep(at: number | null): void;
}

/** A node's path; the prompt is left out where it stands in the editor already. */
export function pathSource({ story, traits, keep }: Play, leaf: string): Source {
  let path: ReturnType<typeof story.path> = [];
  let seen = -1;
  const look = (): typeof path => {
    if (seen !== story.grown.peek()) {
      path = story.path(leaf);
      seen = story.grown.peek();
    }
    return path;
  };
  const segment = (at: number) => {
    const all = look();
    let i = all.length - 1;
    while (i > 0 && at < (all[i]?.[1] ?? 0)) i--;
    return all[i];
  };
  /** Where what was written begins, if the editor shows what was given. */
  const start = (): number => {
    const [first] = story.path(leaf);
    if (!first || story.entries.peek().get(first[0])?.kind !== "prompt") return 0;
    if (traits.chat.value) return first[2];
    if (traits.color.value === "attention" || traits.color.value === "difference") return 0; // mostly it is the prompt that is looked at
    const own = story.tokens(first[0]).texts.slice(0, first[2]).join("");
    return own === traits.prompt.value ? first[2] : 0;
  };
  return {
    leaf,
    start,
    end: () => look().at(-1)?.[2] ?? 0,
    shape: () =>
      `${start()} ${look()
        .map(([node, from]) => `${node}@${from}`)
        .join()}`,
    changed() {
      void story.grown.value;
      void story.entries.value;
      seen = -1;
    },
    text(at) {
      const [node, from] = segment(at) ?? ["", 0];
      return story.tokens(node).texts[at - from] ?? "";
    },
    given: (at) => story.entries.peek().get(segment(at)?.[0] ?? "")?.kind !== "written",
    tokens(at) {
      const [node, from] = segment(at) ?? ["", 0];
      return [story.tokens(node), at - from];
    },
    kept: () => (traits.leaf.value === leaf ? traits.token.value : null),
    keep: (at) => keep(at === null ? null : { leaf, at }),
  };
}

/** A text that was scored; its kept token is this view's own. */
export function scoredSource({ tokens }: Scored, kept: Signal<number | null>): Source {
  return {
    leaf: "score",
    start: () => 0,
    end: () => tokens.length,
    shape: () => "score",
    changed: () => undefined,
    text: (at) => tokens.texts[at] ?? "",
    given: () => false,
    tokens: (at) => [tokens, at],
    kept: () => kept.value,
    keep(at) {
      kept.value = at;
    },
  };
}
