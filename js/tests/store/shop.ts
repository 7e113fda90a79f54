// A shop for tests: listings as they come over the wire, and a view of them.
import { afterEach } from "vitest";
import factory from "../../src/store/index";
import type { Job, Row, Shown } from "../../src/store/types";
import { type Fake, fakeModel } from "../fake";

export const row = (name: string, more: Partial<Row> = {}): Row => ({
  name,
  title: name.toUpperCase(),
  publisher: "somebody",
  summary: `What ${name} is`,
  licence: "Apache-2.0",
  use_cases: ["chat"],
  languages: ["en"],
  architecture: "llama",
  parameters: 135e6,
  context_length: 8192,
  weight_bytes: 270e6,
  memory_bytes: 540e6,
  stars: 4.4,
  reviews: 12,
  installed: false,
  status: "published",
  origin: "embedded",
  gated: false,
  tokens_per_second: null,
  first_token_s: null,
  peak_bytes: null,
  bits_per_byte: null,
  ...more,
});

export const found = (rows: readonly Row[], more: object = {}): object => ({
  rows,
  total: rows.length,
  capped: false,
  corrected: "",
  words: "",
  limit: 50,
  facets: { use_case: [["chat", 2]], licence: [["Apache-2.0", 2]], installed: [[false, 2]] },
  ...more,
});

export const job = (more: Partial<Job> = {}): Job => ({
  id: "1",
  kind: "install",
  name: "a",
  state: "running",
  stage: "downloading",
  done: 130e6,
  total: 540e6,
  unit: "bytes",
  speed: 24e6,
  left_s: 17,
  error: null,
  position: 0,
  ...more,
});

export const shown = (name: string, more: Partial<Shown> = {}): Shown => ({
  listing: { ...row(name), card: `# ${name}\n\nA **card**. <script>alert(1)</script>` },
  versions: [],
  checks: [],
  reviews: [],
  measurements: [],
  ...more,
});

export const READY = {
  status: "ready",
  found: found([row("a"), row("b"), row("c")]),
  info: { user: "ada", use_cases: ["chat", "code"], compared: 4 },
};

/** Answers the last request of a kind. */
export function answer(model: Fake, kind: string, fields: object = {}): void {
  const asked = model.sent.filter((message) => message.kind === kind).at(-1);
  model.reply(asked.id, fields);
}

export const views: (() => void)[] = [];

export function open(model: Fake = fakeModel(READY)): HTMLElement {
  const made = factory();
  const end = made.initialize({ model });
  const el = document.createElement("div");
  document.body.append(el);
  views.push(made.render({ model, el }), end);
  answer(model, "hello", { seq: 0 });
  return el.querySelector(".gw-store") as HTMLElement;
}

afterEach(() => {
  for (const end of views.splice(0)) end();
  document.body.replaceChildren();
});
