// What each layer of the model would say, at each token of a part of a text: asked for by hand, and only then. A text
// that changes takes it off the screen; the numbers of one text never stand beside another.
import { computed, type ReadonlySignal, signal } from "@preact/signals-core";
import { type Spec, unpack } from "../columns";
import type { Wire } from "../wire";
import type { Story } from "./story";
import type { PlayTraits } from "./traits";

export interface Lens {
  /** The position of the first token that is looked at, and how many the whole text has. */
  readonly start: number;
  readonly length: number;
  /** T ids: the tokens that are looked at. */
  readonly read: ArrayLike<number>;
  /** After how many layers each of the R rows is. */
  readonly layers: readonly number[];
  /** How many words are told of each of the R × T cells. */
  readonly k: number;
  readonly ids: ArrayLike<number>;
  readonly probabilities: ArrayLike<number>;
  /** What was changed inside the model, in words. */
  readonly under: string;
}

export interface LensState {
  /** What is known of the text as it stands; null where that is nothing. */
  readonly there: ReadonlySignal<Lens | null>;
  /** Whether what was asked for is of another text, or of another change inside the model. */
  readonly stale: ReadonlySignal<boolean>;
  readonly busy: ReadonlySignal<boolean>;
  readonly error: ReadonlySignal<string>;
  /** Asks for the part of the text around a position; without one around the kept token, or for its end. */
  readonly run: (at?: number) => Promise<void>;
  readonly stop: () => void;
}

export function createLens(
  traits: PlayTraits,
  story: Story,
  wire: Wire,
  flush: () => void,
  ends: AbortSignal,
): LensState {
  const made = signal<{ readonly of: string; readonly lens: Lens | null } | null>(null);
  const busy = signal(false);
  const error = signal("");
  let asking: AbortController | undefined;
  /** What a lens is of: the text and the model, and what is changed in it. */
  const place = computed((): string => {
    const { leaf, chat, messages, prompt, under, info } = traits;
    void story.grown.value;
    const shown = story.entries.value.has(leaf.value);
    const text = shown
      ? [leaf.value, story.length(leaf.value)]
      : chat.value
        ? messages.value
        : ["", prompt.value];
    return JSON.stringify([text, under.value, info.value.name]);
  });
  const mine = computed(() => made.value?.of === place.value);

  return {
    there: computed(() => (mine.value ? (made.value?.lens ?? null) : null)),
    stale: computed(() => made.value !== null && !mine.value),
    busy,
    error,
    stop: () => asking?.abort(),
    async run(at) {
      asking?.abort();
      const own = new AbortController();
      asking = own;
      busy.value = true;
      error.value = "";
      flush();
      const of = place.peek();
      const leaf = traits.leaf.peek();
      const around = at ?? traits.token.peek();
      const body = story.entries.peek().has(leaf) ? { node: leaf } : {};
      try {
        const { content, buffers } = await wire.request(
          "lens",
          { ...body, ...(around !== null && { at: around }) },
          { signal: own.signal },
        );
        story.learn(content["pieces"]);
        const columns = unpack(content["columns"] as Spec, buffers[0] ?? new Uint8Array());
        const ids = columns.get("id");
        made.value = {
          of,
          lens: {
            start: Number(content["start"]),
            length: Number(content["length"]),
            read: columns.get("read")?.data ?? [],
            layers: content["layers"] as readonly number[],
            k: ids?.shape[2] ?? 0,
            ids: ids?.data ?? [],
            probabilities: columns.get("prob")?.data ?? [],
            under: String(content["under"] ?? ""),
          },
        };
      } catch (reason) {
        if (own.signal.aborted || ends.aborted) return;
        error.value = (reason as Error).message;
        made.value = null;
      } finally {
        if (asking === own) busy.value = false;
      }
    },
  };
}
