// A model without a kernel: traits in a map, sent messages in a list, replies when the test says so.
import type { AnyModel } from "../src/bind";
import { type HeatTraits, heatTraits } from "../src/model";
import { createWire, type Wire } from "../src/wire";

// biome-ignore lint/suspicious/noExplicitAny: what a test sends and receives has any shape.
export type Message = any;

export interface Fake extends AnyModel {
  readonly sent: Message[];
  readonly saved: { times: number };
  readonly listeners: () => number;
  /** As if the kernel had set traits in one message. */
  hear: (traits: Record<string, unknown>) => void;
  emit: (event: string, ...values: unknown[]) => void;
  reply: (id: string, fields: object, buffers?: (ArrayBuffer | ArrayBufferView)[]) => void;
}

export function fakeModel(traits: Record<string, unknown> = {}): Fake {
  const values = new Map(Object.entries(traits));
  const heard = new Map<string, Set<(...values: unknown[]) => void>>();
  const sent: Message[] = [];
  const saved = { times: 0 };
  const emit = (event: string, ...details: unknown[]) => {
    for (const callback of [...(heard.get(event) ?? [])]) callback(...details);
  };
  return {
    sent,
    saved,
    emit,
    listeners: () => [...heard.values()].reduce((sum, callbacks) => sum + callbacks.size, 0),
    get: (name) => values.get(name),
    set(name, value) {
      values.set(name, value);
      emit(`change:${name}`);
    },
    save_changes() {
      saved.times += 1;
    },
    on: (event, callback) => heard.set(event, (heard.get(event) ?? new Set()).add(callback)),
    off: (event, callback) => heard.get(event)?.delete(callback),
    send: (content, _callbacks, buffers) =>
      sent.push(buffers?.length ? { ...(content as object), buffers } : content),
    hear(changes) {
      for (const [name, value] of Object.entries(changes)) values.set(name, value);
      for (const name of Object.keys(changes)) emit(`change:${name}`);
    },
    reply(id, fields, buffers = []) {
      emit("msg:custom", { type: "reply", id, ok: true, done: true, ...fields }, buffers);
    },
  };
}

export interface Bench {
  model: Fake;
  traits: HeatTraits;
  wire: Wire;
  ends: AbortController;
}

export function bench(traits: Record<string, unknown> = {}): Bench {
  const model = fakeModel(traits);
  const ends = new AbortController();
  return { model, ends, traits: heatTraits(model, ends.signal), wire: createWire(model, ends.signal) };
}

/** After all that waits for a microtask, or for the few that those start. */
export const settled = () => new Promise((resolve) => setTimeout(resolve, 0));
