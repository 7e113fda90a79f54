// A widget's traits as signals: what Python wrote can be read, what a person does here is written back.
//
// On the wire the names are snake_case, here camelCase; objects inside the values keep the names that they have
// on the wire.
import { batch, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals-core";

/** What anywidget hands to `initialize` and `render`, as far as it is used here. */
export interface AnyModel {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  // biome-ignore lint/suspicious/noExplicitAny: a callback's arguments depend on the event's name.
  on(event: string, callback: (...values: any[]) => void): void;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  off(event: string, callback: (...values: any[]) => void): void;
  send(content: unknown, callbacks?: unknown, buffers?: readonly (ArrayBuffer | ArrayBufferView)[]): void;
}

export type Bound<Written, Told> = { readonly [Name in keyof Written]: Signal<Written[Name]> } & {
  readonly [Name in keyof Told]: ReadonlySignal<Told[Name]>;
};

/**
 * Binds signals to the model's traits until `ends` aborts.
 *
 * A written signal saves itself to the model at the end of the task; a value that the model already has is not
 * written again.
 *
 * @param written what a person, or Python, sets: the values until Python has spoken; also the list of names.
 * @param told what only Python writes.
 * @param delays of written ones that change many times a second: so many ms after the last change; 0: after what
 *   is asked in the same task, which a hand waits for.
 * @returns the signals, and what saves at once all that waits.
 */
export function bindTraits<Written extends object, Told extends object>(
  model: AnyModel,
  written: Written,
  told: Told,
  ends: AbortSignal,
  delays: { readonly [Name in keyof Written]?: number } = {},
): {
  readonly traits: Bound<Written, Told>;
  readonly flush: () => void;
  /** Shows another value here, without a word to Python, until Python says a new one. */
  readonly override: <Name extends keyof Told>(name: Name, value: Told[Name]) => void;
} {
  const traits: Record<string, Signal<unknown>> = {};
  const defaults = { ...told, ...written } as Readonly<Record<string, unknown>>;
  const pauses: Readonly<Record<string, number | undefined>> = delays;
  const timers = new Map<string, readonly [ReturnType<typeof setTimeout>, () => void]>();
  const stops: (() => void)[] = [];
  let over = false;
  let saving = false;
  let writing = false;

  const overrides = new Map<string, readonly [of: unknown, value: unknown]>();

  const read = (name: string): unknown => {
    const value = model.get(snake(name));
    const [of, mine] = overrides.get(name) ?? [];
    if (overrides.has(name) && of === value) return mine;
    return (isBuffer(value) ? bytes(value) : value) ?? defaults[name];
  };

  const save = (late = false) => {
    if (saving) return;
    saving = true;
    const now = () => {
      if (saving && !over) model.save_changes();
      saving = false;
    };
    if (late) setTimeout(now);
    else queueMicrotask(now);
  };

  // Traits that came in one message are all there before the first of their events: taking all of them
  // at once keeps together what belongs together, as a buffer and its name.
  const heard = () => {
    if (writing) return; // our own event; other signals of the same batch are still to be written
    batch(() => {
      for (const [name, bound] of Object.entries(traits)) {
        if (timers.has(name)) continue; // the hand is on it
        const value = read(name);
        if (!same(bound.peek(), value)) bound.value = value;
      }
    });
  };

  for (const name of Object.keys(defaults)) {
    const event = `change:${snake(name)}`;
    traits[name] = signal(read(name));
    model.on(event, heard);
    stops.push(() => model.off(event, heard));
  }

  for (const name of Object.keys(written)) {
    const bound = traits[name] as Signal<unknown>;
    const write = (late = false) => {
      if (same(bound.peek(), read(name))) return;
      writing = true;
      model.set(snake(name), bound.peek());
      writing = false;
      save(late);
    };
    const later = (pause: number) => {
      clearTimeout(timers.get(name)?.[0]);
      timers.delete(name);
      if (same(bound.peek(), read(name))) return;
      const now = (): void => {
        timers.delete(name);
        write();
      };
      timers.set(name, [setTimeout(now, pause), now]);
    };
    stops.push(
      effect(() => {
        void bound.value;
        const pause = pauses[name];
        if (pause) later(pause);
        else write(pause === 0);
      }),
    );
  }
  const end = () => {
    over = true;
    for (const [timer] of timers.values()) clearTimeout(timer);
    for (const stop of stops.splice(0)) stop();
  };
  // A model that the kernel has closed cannot be saved any more. Its views go a moment later, and the page would
  // save how many are left, where they are counted.
  const closed = () => {
    end();
    model.set("_view_count", null);
  };
  model.on("comm:close", closed);
  stops.push(() => model.off("comm:close", closed));
  ends.addEventListener("abort", end);
  const flush = (): void => {
    for (const [timer, now] of [...timers.values()]) {
      clearTimeout(timer);
      now();
    }
    if (saving && !ends.aborted) model.save_changes();
    saving = false;
  };
  const override = (name: string, value: unknown): void => {
    overrides.set(name, [model.get(snake(name)), value]);
    (traits[name] as Signal<unknown>).value = value;
  };
  return {
    traits: traits as unknown as Bound<Written, Told>,
    flush,
    override: (name, value) => override(String(name), value),
  };
}

function snake(name: string): string {
  return name.replace(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`);
}

const isBuffer = (value: unknown): value is ArrayBuffer | ArrayBufferView =>
  value instanceof ArrayBuffer || ArrayBuffer.isView(value);

/** The bytes of a buffer as it came, without a copy; a view's own offset and length count. */
export function bytes(buffer: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (!ArrayBuffer.isView(buffer)) return new Uint8Array(buffer);
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Equal as JSON would have it; buffers are the same where their memory is. */
function same(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.buffer === b.buffer && a.byteOffset === b.byteOffset && a.length === b.length;
  }
  return a === b || (!(isBuffer(a) || isBuffer(b)) && JSON.stringify(a) === JSON.stringify(b));
}
