// What one token looks at, or who looks at it: rows and columns of a head, exact, the latest ones kept.
// One store a model; its views share it.

import type { HeatTraits } from "../model";
import { type Direction, seenVariant } from "../model";
import type { Fields, Wire } from "../wire";

export interface Lines {
  /** The weights [length] of the chosen head for a token; NaN where there is no cell. */
  fetch: (token: number, direction: Direction, signal: AbortSignal) => Promise<Float32Array>;
  /** The same, if it is there already. */
  peek: (token: number, direction: Direction) => Float32Array | undefined;
  /** Keeps a line that came without being asked for. */
  put: (what: Fields, line: Float32Array) => void;
  /** Forgets the lines of all keys, which have got longer. */
  drop: (which: "key") => void;
}

const KEPT = 64;

export function createLines(traits: HeatTraits, wire: Wire): Lines {
  const kept = new Map<string, Float32Array>();

  const describe = (token: number, direction: Direction) => {
    const record = traits.info.peek().record ?? "";
    const which = {
      record,
      variant: seenVariant(traits),
      layer: traits.layer.peek(),
      head: traits.head.peek(),
    };
    return direction === "from" ? { ...which, query: token } : { ...which, key: token };
  };

  const found = (name: string): Float32Array | undefined => {
    const line = kept.get(name);
    if (line) {
      kept.delete(name); // the latest used stands last
      kept.set(name, line);
    }
    return line;
  };

  const put = (name: string, line: Float32Array): void => {
    kept.set(name, line);
    const oldest = kept.keys().next().value;
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
  };

  return {
    put: (what, line) => put(JSON.stringify(what), line),
    drop(which) {
      for (const name of kept.keys()) if (which in JSON.parse(name)) kept.delete(name);
    },
    peek: (token, direction) => found(JSON.stringify(describe(token, direction))),
    async fetch(token, direction, signal) {
      const body = describe(token, direction);
      const name = JSON.stringify(body);
      const there = found(name);
      if (there) return there;
      const { buffers } = await wire.request("line", body, { signal, timeout: 30_000 });
      // Copied: a view of the message need not begin at a multiple of four bytes.
      const line = new Float32Array((buffers[0] ?? new Uint8Array()).slice().buffer);
      put(name, line);
      return line;
    },
  };
}
