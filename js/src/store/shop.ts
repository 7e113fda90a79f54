// What the parts of the store browser share: one Shared a model, one Shop a view.
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";
import type { AnyModel } from "../bind";
import { type Connection, greet } from "../connection";
import { follow } from "../dom";
import { type Answer, createWire, type Fields, type Wire } from "../wire";
import { type StoreTraits, storeTraits } from "./traits";
import type { Row } from "./types";

export interface Shared {
  readonly traits: StoreTraits;
  readonly wire: Wire;
  readonly connection: ReadonlySignal<Connection>;
  readonly ends: AbortController;
}

/** What stands where the listings are: these, or a panel in their place. */
export type Place = "" | "compare" | "publish" | "queue";

export interface Shop extends Omit<Shared, "ends"> {
  readonly root: HTMLElement;
  readonly place: Signal<Place>;
  /** The name of the listing under the keys. */
  readonly active: Signal<string>;
  readonly rows: ReadonlySignal<readonly Row[]>;
  /** Why a value was refused; "" where none was. */
  readonly said: Signal<string>;
  readonly live: ReadonlySignal<boolean>;
  /** Opens a listing's details; `enter` puts the focus there. */
  readonly open: (name: string, enter?: boolean) => void;
  /** Closes them, and puts the focus back. */
  readonly close: () => void;
  readonly compare: (name: string) => void;
  readonly signal: AbortSignal;
  /** A prefix for ids, of this view only. */
  readonly id: string;
}

export function share(model: AnyModel, outer?: AbortSignal): Shared {
  const ends = new AbortController();
  outer?.addEventListener("abort", () => ends.abort(), { once: true });
  const { traits } = storeTraits(model, ends.signal);
  const wire = createWire(model, ends.signal);
  return { traits, wire, connection: greet(wire, ends.signal), ends };
}

export function shopOf(shared: Shared, root: HTMLElement, ends: AbortSignal): Shop {
  const { ends: _, ...parts } = shared;
  const { traits } = parts;
  const said = signal("");
  const place = signal<Place>("");
  const active = signal("");
  parts.wire.onEvent(
    "refused",
    ({ content }) => {
      said.value = String(content["message"]);
    },
    ends,
  );
  return {
    ...parts,
    root,
    place,
    active,
    said,
    rows: computed(() => traits.found.value.rows ?? []),
    live: computed(() => parts.connection.value === "live" && traits.status.value !== "closed"),
    open(name, enter = false) {
      batch(() => {
        said.value = "";
        traits.selected.value = name;
        active.value = name;
        place.value = "";
      });
      if (enter) root.querySelector<HTMLElement>(".gw-detail h3")?.focus();
    },
    close() {
      const name = traits.selected.peek();
      traits.selected.value = null;
      const rows = [...root.querySelectorAll<HTMLElement>("[role=grid] [data-name]")];
      (rows.find((row) => row.dataset["name"] === name) ?? rows[0])?.focus();
    },
    compare(name) {
      said.value = "";
      const before = traits.compared.peek();
      if (before.includes(name)) traits.compared.value = before.filter((one) => one !== name);
      else if (before.length < (traits.info.peek().compared ?? 4)) traits.compared.value = [...before, name];
      else said.value = "Four models are compared at most: take one out first.";
    },
    signal: ends,
    id: `gw${crypto.getRandomValues(new Uint32Array(1))[0]?.toString(36)}`,
  };
}

/** Something that is asked of the kernel by hand: whether it is under way, and what went wrong, in its own place. */
export interface Action {
  readonly busy: ReadonlySignal<boolean>;
  /** A sentence; "" where nothing went wrong. */
  readonly error: Signal<string>;
  /** The answer; undefined where something went wrong. */
  readonly run: (kind: string, body?: Fields) => Promise<Answer | undefined>;
}

export function action({ wire, signal: ends }: Shop): Action {
  const busy = signal(false);
  const error = signal("");
  return {
    busy,
    error,
    async run(kind, body) {
      error.value = "";
      busy.value = true;
      let answer: Answer | undefined;
      try {
        answer = await wire.request(kind, body);
      } catch (failed) {
        if (!ends.aborted) error.value = (failed as Error).message;
      }
      busy.value = false;
      return answer;
    },
  };
}

/** What the kernel was asked for, and is asked again when the store has changed. */
export interface Loaded<Result> {
  /** The last answer, and what had been asked; null before the first. */
  readonly there: ReadonlySignal<{ readonly asked: Fields; readonly result: Result } | null>;
  readonly error: ReadonlySignal<string>;
  readonly waiting: ReadonlySignal<boolean>;
}

/**
 * Asks the kernel whenever what is asked changes; a question that is not the newest any more is cancelled.
 *
 * @param body what to ask; null for nothing.
 * @param pause so many ms after the last change.
 */
export function loaded<Result>(
  shop: Shop,
  kind: string,
  body: () => Fields | null,
  take: (content: Fields) => Result,
  pause = 0,
): Loaded<Result> {
  const there = signal<{ readonly asked: Fields; readonly result: Result } | null>(null);
  const error = signal("");
  const waiting = signal(false);
  const asked = computed(() => JSON.stringify(body())); // one that is the same is not asked again
  follow(() => {
    const wanted = JSON.parse(asked.value) as Fields | null;
    void shop.traits.changes.value;
    if (!shop.live.value || wanted === null) return;
    const ends = new AbortController();
    const ask = async (): Promise<void> => {
      try {
        const { content } = await shop.wire.request(kind, wanted, { signal: ends.signal });
        batch(() => {
          error.value = "";
          there.value = { asked: wanted, result: take(content) };
        });
      } catch (failed) {
        if (ends.signal.aborted || shop.signal.aborted) return;
        error.value = (failed as Error).message;
      }
      waiting.value = false;
    };
    waiting.value = true;
    const timer = pause > 0 ? setTimeout(ask, pause) : void ask();
    return () => {
      clearTimeout(timer ?? undefined);
      ends.abort();
    };
  });
  return { there, error, waiting };
}
