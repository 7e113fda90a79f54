// The right side: the token that is pointed at or kept and what could have stood there; otherwise what comes next.
// The sliders move what comes next, and what could stand in the place of a kept token. While a model writes, the
// bars follow it.
import { computed, signal } from "@preact/signals-core";
import { type Child, follow, h, onEnd } from "../dom";
import { whole } from "../numbers";
import { visible } from "../tokens";
import { iconButton } from "../ui";
import { type Bar, makeBars } from "./bars";
import { type Distribution, distribute } from "./distribution";
import { replacement } from "./edit";
import { fixed, place, probability } from "./figures";
import { knobsOf } from "./knobs";
import type { Play, Spot } from "./play";
import type { Place, Tokens } from "./story";
import { differenceAt } from "./tint";

const ROWS = 10;
const CUTS = 3; // of them for what was cut first, if anything was

export function side(play: Play): Child {
  const { traits, story, pointed, next, scoring, score } = play;
  /** The token to tell of, and why. */
  const spot = computed((): (Spot & { readonly why: "pointed" | "kept" | "last" }) | null => {
    const leaf = traits.leaf.value;
    const token = scoring.value ? null : traits.token.value;
    const under = pointed.value;
    if (under && !(under.leaf === leaf && under.at === token)) return { ...under, why: "pointed" };
    if (scoring.value) return null;
    if (token !== null) return { leaf, at: token, why: "kept" };
    const at = latest(play);
    return at === null ? null : { leaf, at, why: "last" };
  });
  const there = computed((): Place | undefined => {
    void story.grown.value;
    const now = spot.value;
    if (!now) return;
    if (now.leaf === "score") {
      const tokens = score.there.value?.tokens;
      return tokens && { node: "score", at: now.at, tokens, own: now.at };
    }
    return story.place(now.leaf, now.at);
  });
  /** The distribution that the sliders move: what comes next, or what could stand in the kept token's place. */
  const open = computed(() => {
    const now = spot.value;
    const what = next.there.value;
    const here = now === null || (now.why === "kept" && what?.node === now.leaf && what.at === now.at);
    return here && !scoring.value ? what : null;
  });
  const moving = (): boolean => spot.value?.why === "last" && play.running.value;

  const choose = (bar: Bar): void => {
    const now = spot.peek();
    const token = there.peek();
    if (token?.node === "score") return;
    const node = now && token ? now.leaf : next.there.peek()?.node;
    const at = now && token ? now.at : next.there.peek()?.at;
    if (node === undefined || at === undefined) return;
    void play.ask("branch", { node, at, token: bar.id });
  };
  const bars = makeBars(ROWS, "Alternatives", choose);
  const sum = h("p.gw-sum");
  const result = signal<Distribution | null>(null);

  let due = false;
  let frame = 0;
  const draw = (): void => {
    if (!due) return;
    due = false;
    const start = performance.now();
    const token = there.peek();
    const what = open.peek();
    const chosen = token ? token.tokens.of("id", token.own) : -1;
    const also = what && token ? what.logits.ids.indexOf(chosen) : -1;
    const made = what && distribute(what.logits, knobsOf(play), ROWS, CUTS, also);
    result.value = made;
    if (made) {
      const ids = made.rows.map(({ index }) => what.logits.ids[index] as number);
      next.pieces(ids);
      bars.draw(
        made.rows.map(({ before, after, cut }, i) => {
          const id = ids[i] as number;
          return { id, piece: story.piece(id), before, after, cut, chosen: id === chosen };
        }),
      );
    } else bars.draw(token ? alternatives(token.tokens, token.own, story) : []);
    const ms = performance.now() - start;
    play.root.dataset["drawnMs"] = ms.toFixed(2);
    play.root.dispatchEvent(new CustomEvent("gw-drawn", { bubbles: true, detail: { ms } }));
  };
  follow(() => {
    void there.value;
    void open.value;
    void next.learned.value;
    knobsOf(play);
    if (due) return;
    due = true;
    // A whole vocabulary once a frame; what comes with a token at once, before the page is laid out for it.
    if (open.value) frame = requestAnimationFrame(draw);
    else queueMicrotask(draw);
  });
  onEnd(() => {
    due = false;
    cancelAnimationFrame(frame);
  });
  follow(() => {
    sum.textContent = open.value ? sumLine(result.value) : "";
  });

  return h(
    "section.gw-side",
    { "aria-label": "Alternatives" },
    h(
      "header.gw-bar",
      {},
      h("h3", {}, () => {
        const now = there.value;
        const called = spot.value?.why === "last" ? "Last token" : `Position ${now?.at}`;
        return now
          ? [called, " ", h("bdi.gw-quoted", {}, named(now, play))]
          : scoring.value
            ? "Token"
            : "Next token";
      }),
      h("span.gw-push"),
      () =>
        spot.value?.why === "kept" &&
        iconButton("close", "Let go of this token (Escape)", () => play.keep(null)),
      () => spot.value?.why !== "pointed" && next.waiting.value && h("span.gw-quiet", {}, "one moment"),
    ),
    h("p.gw-facts", {}, () => [changed(play, spot.value), facts(play, there.value, result.value)]),
    h(
      "div",
      {
        class: "",
        "data-waiting": () => !there.value && (next.waiting.value || play.running.value),
        "data-moving": moving,
      },
      bars.element,
    ),
    sum,
    () => (there.value && spot.value?.why === "kept" ? replacement(play) : ""),
  );
}

/**
 * The last token that the shown text has, as long as nobody knows what comes after it: a model writes on, or the
 * answer is on its way. Null where that is known, or nothing was written.
 */
function latest({ story, traits, next, running }: Play): number | null {
  void story.grown.value;
  const leaf = traits.leaf.value;
  const entry = story.entries.value.get(leaf);
  const end = story.length(leaf);
  if (entry?.kind !== "written" || end <= entry.at) return null;
  const what = next.there.value;
  return !running.value && what?.node === leaf && what.at === end ? null : end - 1;
}

function named({ tokens, own }: Place, { story }: Play): string {
  return visible(story.piece(tokens.of("id", own)) ?? tokens.texts[own] ?? "");
}

/** What stood to choose from where a token is; the token itself, too, where it was not among the best. */
function alternatives(tokens: Tokens, own: number, story: Play["story"]): readonly Bar[] {
  const chosen = tokens.of("id", own);
  const bars: Bar[] = [];
  for (let i = 0; i < Math.min(tokens.k, ROWS - 1); i++) {
    const id = tokens.alt("alt_id", own, i);
    if (id === -1) continue;
    const after = Math.exp(tokens.alt("alt_sampled", own, i));
    const before = Math.exp(tokens.alt("alt_logprob", own, i));
    bars.push({
      id,
      piece: story.piece(id),
      before,
      after,
      cut: after === 0 ? "cut" : "",
      chosen: id === chosen,
    });
  }
  const before = Math.exp(tokens.of("logprob", own));
  if (!(Number.isNaN(before) || bars.some((bar) => bar.chosen))) {
    const after = Math.exp(tokens.of("sampled", own));
    bars.push({ id: chosen, piece: story.piece(chosen), before, after, cut: "", chosen: true });
  }
  return bars;
}

function facts(
  { story, running, next, scoring }: Play,
  token: Place | undefined,
  made: Distribution | null,
): Child {
  if (token) {
    const { tokens, own, node } = token;
    const log = tokens.of("logprob", own);
    const id = tokens.of("id", own);
    if (Number.isNaN(log)) {
      const kind = story.entries.value.get(node)?.kind;
      const why = kind === "edited" ? "Written by hand" : kind === "prompt" ? "Part of the prompt" : "Chosen";
      return `${why}: nothing was drawn here.${id >= 0 ? ` Id ${id}.` : ""}`;
    }
    const parts = [
      `p ${probability(Math.exp(log))}`,
      tokens.of("rank", own) >= 0 ? `${place(tokens.of("rank", own))} of all` : "",
      `${fixed(-log / Math.LN2, 1)} bits`,
      Number.isNaN(tokens.of("entropy", own)) ? "" : `entropy ${fixed(tokens.of("entropy", own), 1)} bits`,
      id >= 0 ? `id ${id}` : "",
    ];
    return parts.filter(Boolean).join(" · ");
  }
  if (scoring.value) return "Point at a token of the scored text.";
  if (running.value) return "Being written; this is what stood before it.";
  if (next.error.value) return next.error.value;
  if (!made) return "Write a prompt to see what comes next.";
  const entropy = next.there.value?.logits.entropy ?? 0;
  return `entropy ${fixed(entropy, 1)} bits before the rules, ${fixed(made.entropy, 1)} after`;
}

/** What the change inside the model does to a token, where that is known. */
function changed({ traits }: Play, spot: Spot | null): string {
  const nats =
    spot && traits.color.value === "difference" ? differenceAt(traits, spot.leaf, spot.at) : Number.NaN;
  return Number.isNaN(nats) ? "" : `${nats > 0 ? "+" : ""}${fixed(nats, 2)} nats by the change · `;
}

function sumLine(made: Distribution | null): string {
  if (!made) return "";
  const { kept, size, sum } = made;
  return `Σ ${whole(kept)} of ${whole(size)} tokens stay: ${probability(sum)} before, 1 after`;
}
