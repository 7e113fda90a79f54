// A text of somebody's, scored: which of its tokens surprised the model, and the sum that makes log P.
import { type ReadonlySignal, signal } from "@preact/signals-core";
import { type Spec, unpack } from "../columns";
import type { Wire } from "../wire";
import { type Story, Tokens } from "./story";

export interface Totals {
  readonly log_likelihood_nats?: number | null;
  readonly perplexity_per_token?: number | null;
  readonly bits_per_byte?: number | null;
  readonly tokens?: number;
  readonly bytes?: number;
}

export interface Scored {
  readonly text: string;
  readonly tokens: Tokens;
  readonly totals: Totals;
}

export interface Score {
  readonly there: ReadonlySignal<Scored | null>;
  readonly busy: ReadonlySignal<boolean>;
  readonly error: ReadonlySignal<string>;
  readonly run: (text: string) => Promise<void>;
  readonly stop: () => void;
}

export function createScore(story: Story, wire: Wire, ends: AbortSignal): Score {
  const there = signal<Scored | null>(null);
  const busy = signal(false);
  const error = signal("");
  let asking: AbortController | undefined;
  return {
    there,
    busy,
    error,
    stop: () => asking?.abort(),
    async run(text) {
      asking?.abort();
      const mine = new AbortController();
      asking = mine;
      busy.value = true;
      error.value = "";
      try {
        const { content, buffers } = await wire.request("score", { text }, { signal: mine.signal });
        story.learn(content["pieces"]);
        const tokens = new Tokens();
        const columns = unpack(content["columns"] as Spec, buffers[0] ?? new Uint8Array());
        tokens.put(0, content["texts"] as readonly string[], columns);
        there.value = { text, tokens, totals: (content["totals"] ?? {}) as Totals };
      } catch (reason) {
        if (!(mine.signal.aborted || ends.aborted)) error.value = (reason as Error).message;
      } finally {
        if (asking === mine) busy.value = false;
      }
    },
  };
}
