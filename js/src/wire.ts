// The request layer: browser <-> kernel over the widget's custom messages. Protocol version 1.
//
// The same kinds and fields as in gptwidgets/widgets/wire.py. A request is answered by parts and a last
// reply, or by an error; events carry a number, and what is missing between two of them is asked again.
// Several pages may share one model: each ignores the replies to ids that are not its own.
import { type AnyModel, bytes } from "./model";

export const PROTOCOL = 1;

/** The fields of a reply or an event, as they came; whoever asked knows their types. */
export type Fields = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly content: Fields;
  /** Each honours the offset with which it came. */
  readonly buffers: readonly Uint8Array[];
}

export interface RequestOptions {
  /** Sent along; each is copied first, because JupyterLab would send the whole memory under a view. */
  readonly buffers?: readonly Uint8Array[] | undefined;
  /** Aborting tells the kernel to stop, and rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called for every reply before the last one. */
  readonly onPart?: ((part: Answer) => void) | undefined;
  /** Rejects with a WireError of type "Timeout" when nothing has come for so many milliseconds. */
  readonly timeout?: number | undefined;
}

export interface Wire {
  /** Sends `{type: "request", id, kind, ...body}`; resolves with the last reply. */
  request(kind: string, body?: Fields, options?: RequestOptions): Promise<Answer>;
  /** Says that a front end is there; sent once, however often it is called. */
  hello(timeout?: number): Promise<Answer>;
  /** Calls back for each event of a kind, in the order of their numbers. */
  onEvent(kind: string, callback: (event: Answer) => void, ends: AbortSignal): void;
  /** How many requests wait for an answer. */
  readonly pending: number;
}

/** What the kernel answered instead of a result: `type` is the name of the exception's class. */
export class WireError extends Error {
  readonly type: string;
  constructor(type: string, message: string) {
    super(message);
    this.name = "WireError";
    this.type = type;
  }
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (reason: unknown) => void;
  readonly onPart: ((part: Answer) => void) | undefined;
  /** Starts the clock again. */
  readonly heard: () => void;
}

/** One for each model, made in `initialize`; all its views share it. Ends with `ends`. */
export function createWire(model: AnyModel, ends: AbortSignal): Wire {
  const client = randomId();
  const waiting = new Map<string, Waiting>();
  const events = eventOrder((from, to) => request("missing", { from, to }));
  let counter = 0;
  let greeting: Promise<Answer> | undefined;

  function request(kind: string, body: Fields = {}, options: RequestOptions = {}): Promise<Answer> {
    const { signal, onPart, timeout, buffers = [] } = options;
    return new Promise((resolve, reject) => {
      if (ends.aborted || signal?.aborted) {
        reject(signal?.reason ?? ends.reason);
        return;
      }
      counter += 1;
      const id = `${client}-${counter}`;
      let clock: ReturnType<typeof setTimeout> | undefined;
      const settle = () => {
        waiting.delete(id);
        clearTimeout(clock);
        signal?.removeEventListener("abort", cancel);
      };
      const cancel = () => {
        settle();
        model.send({ type: "cancel", id });
        reject(signal?.reason);
      };
      const heard = () => {
        clearTimeout(clock);
        if (timeout === undefined) return;
        clock = setTimeout(() => {
          settle();
          reject(new WireError("Timeout", `The kernel did not answer "${kind}" within ${timeout / 1000} s.`));
        }, timeout);
      };
      waiting.set(id, {
        resolve: (answer) => {
          settle();
          resolve(answer);
        },
        reject: (reason) => {
          settle();
          reject(reason);
        },
        onPart,
        heard,
      });
      signal?.addEventListener("abort", cancel, { once: true });
      heard();
      try {
        const copies = buffers.map((view) => view.slice().buffer);
        model.send({ ...body, type: "request", id, kind }, undefined, copies);
      } catch (error) {
        settle();
        reject(error);
      }
    });
  }

  const receive = (content: unknown, rawBuffers?: readonly (ArrayBuffer | ArrayBufferView)[]) => {
    if (typeof content !== "object" || content === null) return;
    const fields = content as Fields;
    const answer: Answer = { content: fields, buffers: (rawBuffers ?? []).map(bytes) };
    if (fields["type"] === "event") {
      events.take(answer);
      return;
    }
    if (fields["type"] !== "reply") return;
    const asked = waiting.get(String(fields["id"]));
    if (!asked) return; // another page's, or cancelled meanwhile
    if (fields["ok"] === false) asked.reject(errorOf(fields["error"]));
    else if (fields["done"] === false) {
      asked.heard();
      asked.onPart?.(answer);
    } else asked.resolve(answer);
  };

  model.on("msg:custom", receive);
  ends.addEventListener(
    "abort",
    () => {
      model.off("msg:custom", receive);
      for (const asked of [...waiting.values()]) asked.reject(ends.reason);
    },
    { once: true },
  );

  return {
    request,
    hello(timeout) {
      greeting ??= request("hello", { client, version: PROTOCOL }, { timeout }).then((answer) => {
        const seq = answer.content["seq"];
        if (typeof seq === "number") events.begin(seq);
        return answer;
      });
      greeting.catch(() => {
        greeting = undefined; // so that it can be tried again
      });
      return greeting;
    },
    onEvent(kind, callback, listenerEnds) {
      events.listen(kind, callback, listenerEnds);
    },
    get pending() {
      return waiting.size;
    },
  };
}

/** Hands events on in the order of their numbers, each once, and asks for those that did not come. */
function eventOrder(ask: (from: number, to: number) => Promise<unknown>) {
  const listeners = new Map<string, Set<(event: Answer) => void>>();
  const early = new Map<number, Answer>();
  let last: number | undefined; // the number of the last event handed on
  let asking = false;

  const deliver = (event: Answer) => {
    for (const callback of [...(listeners.get(String(event.content["kind"])) ?? [])]) callback(event);
  };

  const drain = () => {
    while (last !== undefined) {
      const next = early.get(last + 1);
      if (!next) break;
      early.delete(last + 1);
      last += 1;
      deliver(next);
    }
  };

  const fill = () => {
    if (asking || last === undefined || early.size === 0) return;
    const to = Math.min(...early.keys()) - 1;
    asking = true;
    ask(last + 1, to)
      .catch(() => undefined)
      .then(() => {
        asking = false;
        // What the kernel no longer has is given up, so that later events are not held for ever.
        if (last !== undefined && last < to) last = to;
        drain();
        fill();
      });
  };

  return {
    /** The number of the last event that was sent before this page listened. */
    begin(seq: number) {
      if (last === undefined) last = seq;
    },
    take(event: Answer) {
      const seq = event.content["seq"];
      if (typeof seq !== "number") return deliver(event);
      last ??= seq - 1;
      if (seq <= last) return; // heard already
      early.set(seq, event);
      drain();
      fill();
    },
    listen(kind: string, callback: (event: Answer) => void, ends: AbortSignal) {
      if (ends.aborted) return;
      const ofKind = listeners.get(kind) ?? new Set();
      listeners.set(kind, ofKind);
      ofKind.add(callback);
      ends.addEventListener("abort", () => ofKind.delete(callback), { once: true });
    },
  };
}

function errorOf(error: unknown): WireError {
  const { type, message } = (error ?? {}) as { type?: unknown; message?: unknown };
  return new WireError(String(type ?? "Error"), String(message ?? "The kernel gave no reason."));
}

/** `crypto.randomUUID` needs a secure context, which a hub on plain http is not. */
function randomId(): string {
  const words = crypto.getRandomValues(new Uint32Array(2));
  return [...words].map((word) => word.toString(36)).join("");
}
