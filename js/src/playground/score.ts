// Score mode: a text of somebody's, coloured by what surprised the model, and the sum that makes log P.
import { signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { whole } from "../numbers";
import { button } from "../ui";
import { fixed } from "./figures";
import type { Play } from "./play";
import { heighten } from "./prompt";
import { scoredSource } from "./source";
import { mountText } from "./text";

export function scoring(play: Play): Child {
  const { score } = play;
  const draft = signal(score.there.peek()?.text ?? "");
  const kept = signal<number | null>(null);
  const go = (): void => {
    kept.value = null;
    if (draft.peek() !== "") void score.run(draft.peek());
  };
  const field = h("textarea.gw-prompt", {
    rows: 3,
    dir: "auto",
    spellcheck: "false",
    "aria-label": "Text to score",
    placeholder: "Paste a text: which of its tokens surprise the model?",
    value: draft.peek(),
    oninput: () => {
      draft.value = field.value;
      heighten(field);
    },
    onkeydown: (event: KeyboardEvent) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      event.stopPropagation();
      go();
    },
  }) as HTMLTextAreaElement;
  return [
    field,
    h(
      "div.gw-bar",
      {},
      () =>
        score.busy.value
          ? button("Stop", () => score.stop(), { class: "gw-button gw-accent gw-run" })
          : button("Score", go, { class: "gw-button gw-accent gw-run", disabled: () => draft.value === "" }),
      h("span.gw-error", { role: "status" }, () => score.error.value),
    ),
    h("div.gw-columns", { "data-count": 1 }, () => {
      const now = score.there.value;
      if (!now) return h("div.gw-written.gw-blank", {}, "The coloured text comes here.");
      return mountText(play, scoredSource(now, kept), "Scored text");
    }),
    () => totals(play),
  ];
}

/** log P and what follows from it, each with its unit. */
function totals({ score }: Play): Child {
  const now = score.there.value;
  if (!now) return null;
  const {
    log_likelihood_nats: nats,
    perplexity_per_token: perplexity,
    bits_per_byte: bits,
    tokens,
    bytes,
  } = now.totals;
  const cell = (name: string, value: string, unit: string): Child =>
    h("p", {}, h("span.gw-quiet", {}, name), h("br"), h("b", {}, value), ` ${unit}`);
  return h(
    "div.gw-totals",
    {},
    cell("log P = Σ log P(token | before)", fixed(nats, 2), "nats"),
    cell("perplexity", fixed(perplexity, 2), "per token"),
    cell("compressed to", fixed(bits, 3), "bits per byte"),
    cell("length", whole(tokens ?? now.tokens.length), `tokens, ${whole(bytes ?? 0)} bytes`),
  );
}
