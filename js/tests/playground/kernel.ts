// A kernel for tests: a tree of nodes and their tokens as they come over the wire, and a view of them.
import { afterEach, beforeEach, vi } from "vitest";
import type { Spec } from "../../src/columns";
import factory from "../../src/playground/index";
import type { Entry } from "../../src/playground/traits";
import { type Fake, fakeModel, settled } from "../fake";

export const READY = {
  status: "ready",
  prompt: "Once",
  leaf: "",
  info: {
    name: "tiny",
    vocabulary: 8,
    context_length: 64,
    chat: true,
    can: ["ids", "logits", "alternatives", "score", "beams", "chat"],
    cannot: {},
  },
};

export const PIECES: Record<string, string> = {
  0: "Once",
  1: " upon",
  2: " a",
  3: " time",
  4: " day",
  5: "\n",
  6: "<b>",
  7: ".",
};

export const entry = (id: string, more: Partial<Entry> = {}): Entry => ({
  id,
  parent: null,
  at: 0,
  kind: "written",
  length: 0,
  sampling: {},
  seed: 1,
  reason: null,
  name: "",
  pruned: false,
  sequence: "",
  preview: "",
  running: false,
  ...more,
});

export function pack(columns: Record<string, readonly [dtype: string, shape: number[], data: number[]]>): {
  spec: Spec;
  bytes: Uint8Array;
} {
  const all = Object.entries(columns);
  const bytes = new Uint8Array(4 * all.reduce((sum, [, [, , data]]) => sum + data.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [, [dtype, , data]] of all) {
    for (const value of data) {
      if (dtype === "<i4") view.setInt32(at, value, true);
      else view.setFloat32(at, value, true);
      at += 4;
    }
  }
  return { spec: all.map(([name, [dtype, shape]]) => [name, dtype, shape]), bytes };
}

/** The tokens of a part of a node: each drawn with probability ½, the second best token 7 with ¼, cut by the rules. */
export function part(node: string, start: number, ids: number[], texts = ids.map((id) => PIECES[id] ?? "")) {
  const half = Math.log(0.5);
  const { spec, bytes } = pack({
    id: ["<i4", [ids.length], ids],
    logprob: ["<f4", [ids.length], ids.map(() => half)],
    sampled: ["<f4", [ids.length], ids.map(() => 0)],
    rank: ["<i4", [ids.length], ids.map(() => 0)],
    entropy: ["<f4", [ids.length], ids.map(() => 1.5)],
    alt_id: ["<i4", [ids.length, 2], ids.flatMap((id) => [id, 7])],
    alt_logprob: ["<f4", [ids.length, 2], ids.flatMap(() => [half, 2 * half])],
    alt_sampled: ["<f4", [ids.length, 2], ids.flatMap(() => [0, Number.NEGATIVE_INFINITY])],
  });
  return { part: { node, start, columns: spec, texts }, bytes };
}

export function tell(
  model: Fake,
  seq: number,
  parts: ReturnType<typeof part>[],
  nodes: Entry[] = [],
  more: object = {},
) {
  const content = { nodes, parts: parts.map((one) => one.part), pieces: PIECES, beams: [], figures: {} };
  model.emit(
    "msg:custom",
    { type: "event", kind: "tokens", seq, ...content, ...more },
    parts.map((one) => one.bytes),
  );
}

/** Answers the last request of a kind. */
export function answer(model: Fake, kind: string, fields: object = {}, buffers: Uint8Array[] = []): void {
  const asked = model.sent.filter((message) => message.kind === kind).at(-1);
  model.reply(asked.id, fields, buffers);
}

export function logits(): { fields: object; bytes: Uint8Array } {
  const { spec, bytes } = pack({
    id: ["<i4", [4], [3, 4, 7, 2]],
    logit: ["<f4", [4], [2, 1, 0, -1]],
    seen: ["<i4", [1], [2]],
  });
  return { fields: { node: "p", at: 1, columns: spec, pieces: PIECES, partial: false }, bytes };
}

export const PROMPT = entry("p", { kind: "prompt", length: 1, preview: "Once" });
export const WRITTEN = entry("w", { parent: "p", at: 1, running: true });

/** A view in which " upon a" was written after "Once". */
export async function written() {
  const model = fakeModel(READY);
  const root = show(model);
  await settled();
  answer(model, "story", { tree: [], parts: [], pieces: {}, beams: [], figures: {} });
  await settled();
  tell(model, 1, [part("p", 0, [0]), part("w", 0, [1])], [PROMPT, WRITTEN]);
  model.hear({ leaf: "w", status: "running" });
  tell(model, 2, [part("w", 1, [2])]);
  await settled();
  return { model, root, spans: () => [...root.querySelectorAll<HTMLElement>(".gw-written [data-at]")] };
}

export const views: (() => void)[] = [];

export function show(model: Fake = fakeModel(READY)): HTMLElement {
  const made = factory();
  const end = made.initialize({ model });
  const el = document.createElement("div");
  document.body.append(el);
  views.push(made.render({ model, el }), end);
  answer(model, "hello", { seq: 0 });
  return el.querySelector(".gw-playground") as HTMLElement;
}

beforeEach(() => {
  vi.spyOn(globalThis, "requestAnimationFrame").mockImplementation((draw) => {
    queueMicrotask(() => draw(0));
    return 1;
  });
});

afterEach(() => {
  for (const end of views.splice(0)) end();
  document.body.replaceChildren();
});
