// The request layer: browser <-> kernel over the widget's custom messages. Protocol version 1.
//
// The same kinds and fields as in gptwidgets/widgets/wire.py. A request is answered by parts and a last
// reply, or by an error; events carry a number, and what is missing between two of them is asked again.
// Several pages may share one model: each ignores the replies to ids that are not its own.
import { type AnyModel, bytes } from "./bind";
import { polling } from "./polling";

export const PROTOCOL = 1;

const PATIENCE = 30_000; // ms that a kernel may be busy before it is asked again

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
  /** Calls back when the host says that the line to the kernel was cut, or is there again: then `hello` says which. */
  onLine(callback: () => void, ends: AbortSignal): void;
  /** How many requests wait for an answer. */
  pending: () => number;
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

/** One for each model, made in `initialize`; all its views share it. Ends with `ends`. */
export function createWire(model: AnyModel, ends: AbortSignal): Wire {
  const client = randomId();
  const waiting = new Map<string, (reply: Answer) => void>();
  const events = eventOrder((from, to) => request("missing", { from, to }));
  const polls = polling(
    () =>
      request("poll", { client }, { timeout: PATIENCE }).then(({ content }) => Number(content["sent"] ?? 0)),
    () => waiting.size > 0,
    ends,
  );
  let counter = 0;
  let greeting: Promise<Answer> | undefined;

  function request(kind: string, body: Fields = {}, options: RequestOptions = {}): Promise<Answer> {
    const { signal, onPart, timeout, buffers = [] } = options;
    return new Promise((resolve, reject) => {
      counter += 1;
      const id = `${client}-${counter}`;
      const listening = new AbortController();
      let clock: ReturnType<typeof setTimeout> | undefined;

      const settle = (how: () => void) => {
        waiting.delete(id);
        clearTimeout(clock);
        listening.abort();
        how();
      };
      const fail = (error: unknown) => settle(() => reject(error));
      const wait = () => {
        clearTimeout(clock);
        if (timeout === undefined) return;
        const words = `The kernel did not answer "${kind}" within ${timeout / 1000} s.`;
        clock = setTimeout(() => fail(new WireError("Timeout", words)), timeout);
      };
      const stopped = () => fail(signal?.aborted ? signal.reason : ends.reason);

      if (ends.aborted || signal?.aborted) return stopped();
      waiting.set(id, (reply) => {
        const { ok, done, error } = reply.content;
        if (ok === false) fail(errorOf(error));
        else if (done === false) {
          wait();
          onPart?.(reply);
        } else settle(() => resolve(reply));
      });
      ends.addEventListener("abort", stopped, listening);
      signal?.addEventListener(
        "abort",
        () => {
          model.send({ type: "cancel", id });
          stopped();
        },
        listening,
      );
      wait();
      try {
        const copies = buffers.map((view) => view.slice().buffer);
        model.send({ ...body, type: "request", id, kind }, undefined, copies);
        if (kind !== "poll") polls.asked();
      } catch (error) {
        fail(error);
      }
    });
  }

  const receive = (message: unknown, buffers: readonly (ArrayBuffer | ArrayBufferView)[] = []) => {
    const content = (message ?? {}) as Fields;
    const answer: Answer = { content, buffers: buffers.map(bytes) };
    if (content["type"] === "event") events.take(answer);
    if (content["type"] === "aside" && content["client"] === client) {
      polls.heard();
      model.send({ type: "heard", client });
    }
    // The ids of other pages, and of what was cancelled meanwhile, are not waited for.
    if (content["type"] === "reply") waiting.get(String(content["id"]))?.(answer);
  };
  model.on("msg:custom", receive);
  ends.addEventListener("abort", () => model.off("msg:custom", receive));

  return {
    request,
    hello(timeout) {
      if (!greeting) polls.greets();
      greeting ??= request("hello", { client, version: PROTOCOL }, { timeout }).then(
        (answer) => {
          events.begin(Number(answer.content["seq"] ?? 0));
          polls.greeted();
          return answer;
        },
        (error: unknown) => {
          greeting = undefined; // so that it can be tried again
          throw error;
        },
      );
      return greeting;
    },
    onEvent: events.listen,
    onLine(callback, until) {
      const changed = (): void => {
        greeting = undefined;
        callback();
      };
      model.on("comm_live_update", changed);
      until.addEventListener("abort", () => model.off("comm_live_update", changed));
    },
    pending: () => waiting.size,
  };
}

/** Hands events on in the order of their numbers, each once, and asks for those that did not come. */
function eventOrder(ask: (from: number, to: number) => Promise<unknown>) {
  const listeners = new Set<readonly [kind: string, callback: (event: Answer) => void]>();
  const early = new Map<number, Answer>();
  let last: number | undefined; // the number of the last event handed on
  let asking = false;

  const drain = () => {
    for (let next = early.get((last ?? 0) + 1); next; next = early.get((last ?? 0) + 1)) {
      last = (last ?? 0) + 1;
      early.delete(last);
      for (const [kind, callback] of [...listeners]) if (kind === next.content["kind"]) callback(next);
    }
  };

  const fill = () => {
    if (asking || early.size === 0) return;
    const to = Math.min(...early.keys()) - 1;
    asking = true;
    ask((last ?? 0) + 1, to)
      .catch(() => undefined)
      .then(() => {
        asking = false;
        // What the kernel no longer has is given up, so that later events are not held for ever.
        last = Math.max(last ?? 0, to);
        drain();
        fill();
      });
  };

  return {
    /** The number of the last event that was sent before this page listened. */
    begin(seq: number) {
      last ??= seq;
    },
    take(event: Answer) {
      const seq = Number(event.content["seq"]);
      last ??= seq - 1;
      if (seq <= last) return; // heard already
      early.set(seq, event);
      drain();
      fill();
    },
    listen(kind: string, callback: (event: Answer) => void, ends: AbortSignal) {
      const listener = [kind, callback] as const;
      listeners.add(listener);
      ends.addEventListener("abort", () => listeners.delete(listener));
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
