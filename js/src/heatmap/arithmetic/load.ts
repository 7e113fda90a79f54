// The arithmetic of the chosen cell: asked for when the choice changes; what was asked before is cancelled.
import { batch, computed, type ReadonlySignal, signal } from "@preact/signals-core";
import { follow } from "../../dom";
import type { HeatTraits } from "../../model";
import type { Wire } from "../../wire";
import type { Panels } from "../panels";
import { type Cell, cellOf } from "./cell";

export interface Loaded {
  /** Whether a cell is chosen: query and key. */
  readonly open: ReadonlySignal<boolean>;
  /** Its arithmetic; that of the cell before while it is on its way. */
  readonly cell: ReadonlySignal<Cell | undefined>;
  readonly busy: ReadonlySignal<boolean>;
  /** Why there is none, in a sentence; "" where there is. */
  readonly trouble: ReadonlySignal<string>;
}

const PATIENCE = 30_000; // ms
/** ms that a chosen cell waits for its arithmetic, so that the page is laid out and drawn for both at once. */
const TOGETHER = 40;
const COMBINED = "Arithmetic is of one head: choose a layer and a head by their numbers.";

export function load(traits: HeatTraits, wire: Wire, marked: Panels["marked"]): Loaded {
  const cell = signal<Cell>();
  const busy = signal(false);
  const trouble = signal("");
  const wanted = computed(() => {
    const { info, layer, head, query, key, status } = traits;
    const { record } = info.value;
    const length = traits.length.value;
    const there = status.value === "ready" || status.value === "closed"; // a record outlives its model
    const places = [query.value ?? length, key.value ?? length];
    if (!there || record === undefined || places.some((place) => place >= length)) return "";
    const [q, k] = places;
    return JSON.stringify({ record, layer: layer.value, head: head.value, query: q, key: k });
  });
  const open = computed(() => wanted.value !== "" && marked.value.every((place) => place !== null));
  follow(() => {
    const asked = wanted.value;
    const now = [traits.query.value, traits.key.value] as const;
    if (asked === "") {
      marked.value = now;
      if (traits.query.peek() === null || traits.key.peek() === null) cell.value = undefined;
      return;
    }
    const body = JSON.parse(asked);
    const show = (found: Cell | undefined, words: string): void =>
      batch(() => {
        [cell.value, trouble.value, busy.value, marked.value] = [found, words, false, now];
      });
    if (typeof body.layer === "string" || typeof body.head === "string") return show(undefined, COMBINED);
    const asking = new AbortController();
    const late = setTimeout(() => {
      batch(() => {
        [busy.value, marked.value] = [true, now];
      });
    }, TOGETHER);
    Promise.resolve() // at the end of the task: query and key may be chosen one after the other
      .then(() => wire.request("arithmetic", body, { signal: asking.signal, timeout: PATIENCE }))
      .then((answer) => show(cellOf(answer), ""))
      .catch((error: Error) => {
        if (!asking.signal.aborted) show(undefined, error.message);
      })
      .finally(() => clearTimeout(late));
    return () => {
      clearTimeout(late);
      asking.abort();
    };
  });
  return { open, cell, busy, trouble };
}
