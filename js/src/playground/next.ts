// The distribution of the token that would come next, where nothing is sampled yet, or of the place of a token that
// is kept: asked for once when the text has come to rest, and then moved by the sliders here.
import { computed, effect, type ReadonlySignal, signal, untracked } from "@preact/signals-core";
import { type Spec, unpack } from "../columns";
import type { Connection } from "../connection";
import type { Wire } from "../wire";
import { type Logits, makeLogits } from "./distribution";
import type { Story } from "./story";
import type { PlayTraits, Status } from "./traits";

export interface Next {
  /** What was asked for last, and where it stands; null before that. */
  readonly there: ReadonlySignal<NextToken | null>;
  readonly waiting: ReadonlySignal<boolean>;
  readonly error: ReadonlySignal<string>;
  /** Asks for the pieces of ids that the page does not know; counts up when they are there. */
  readonly pieces: (ids: readonly number[]) => void;
  readonly learned: ReadonlySignal<number>;
}

export interface NextToken {
  readonly node: string;
  readonly at: number;
  readonly logits: Logits;
  /** An engine elsewhere gives only its best. */
  readonly partial: boolean;
}

/** While a model writes or loads, nobody asks. */
const STILL = new Set<Status>(["empty", "ready", "error"]);
const PAUSE = 120; // ms that a text must rest
const NOTHING = "-";

export function createNext(
  traits: PlayTraits,
  story: Story,
  wire: Wire,
  connection: ReadonlySignal<Connection>,
  ends: AbortSignal,
): Next {
  const there = signal<NextToken | null>(null);
  const waiting = signal(false);
  const error = signal("");
  const learned = signal(0);
  const asked = new Set<number>();
  let asking: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** The kept token's place, where the engine tells what it gave there; a text's first token has none. */
  const kept = (): number | undefined => {
    const at = traits.token.value;
    return at && traits.info.value.can?.includes("logits") ? at : undefined;
  };
  /**
   * What the distribution belongs to: the shown text, up to its end or to the token that is kept, or the prompt
   * where none is shown; "" while it changes, NOTHING where there is nothing to go on from.
   */
  const place = computed(() => {
    const { status, leaf, prompt, messages, chat, under, info } = traits;
    if (connection.value !== "live" || !STILL.has(status.value)) return "";
    if (story.entries.value.has(leaf.value)) return `n${leaf.value}@${kept() ?? ""}|${under.value}`;
    const given = chat.value ? messages.value.length > 0 : prompt.value !== "";
    return given
      ? `p${info.value.name}|${under.value}|${chat.value ? JSON.stringify(messages.value) : prompt.value}`
      : NOTHING;
  });

  const ask = async (): Promise<void> => {
    asking?.abort();
    const mine = new AbortController();
    asking = mine;
    waiting.value = true;
    try {
      const leaf = traits.leaf.peek();
      const at = untracked(kept);
      const body = story.entries.peek().has(leaf) ? { node: leaf, ...(at && { at }) } : {};
      const { content, buffers } = await wire.request("next", body, { signal: mine.signal });
      const columns = unpack(content["columns"] as Spec, buffers[0] ?? new Uint8Array());
      story.learn(content["pieces"]);
      const logits = makeLogits(
        columns.get("id")?.data as Int32Array,
        columns.get("logit")?.data as Float32Array,
        columns.get("seen")?.data ?? [],
      );
      error.value = "";
      there.value = {
        node: String(content["node"] ?? ""),
        at: Number(content["at"] ?? 0),
        logits,
        partial: content["partial"] === true,
      };
    } catch (reason) {
      if (!(mine.signal.aborted || ends.aborted)) error.value = (reason as Error).message;
    } finally {
      if (asking === mine) waiting.value = false;
    }
  };

  const stop = effect(() => {
    const where = place.value;
    clearTimeout(timer);
    asking?.abort();
    if (where === NOTHING) there.value = null;
    else if (where !== "") timer = setTimeout(() => void ask(), PAUSE);
  });
  ends.addEventListener("abort", () => {
    clearTimeout(timer);
    stop();
  });

  return {
    there,
    waiting,
    error,
    learned,
    pieces(ids) {
      const wanted = ids.filter((id) => story.piece(id) === undefined && !asked.has(id));
      if (wanted.length === 0) return;
      for (const id of wanted) asked.add(id);
      wire
        .request("pieces", { ids: wanted })
        .then(({ content }) => {
          story.learn(content["pieces"]);
          learned.value += 1;
        })
        .catch(() => undefined);
    },
  };
}
