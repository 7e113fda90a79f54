// What is written: one text, or those of one run side by side, which begin at one line and show where they part.
import { computed } from "@preact/signals-core";
import { type Child, follow, h } from "../dom";
import { button, iconButton } from "../ui";
import { markdown } from "./markdown";
import type { Play } from "./play";
import { pathSource } from "./source";
import { mountText } from "./text";
import type { Entry, Rules } from "./traits";

export function sequences(play: Play): Child {
  const { shown } = play;
  // Built again only where other nodes are shown: growing is the texts' own affair.
  const key = computed(() => shown.value.join());
  return () => build(play, key.value === "" ? [] : key.value.split(","));
}

function build(play: Play, leaves: readonly string[]): Child {
  const { traits } = play;
  if (leaves.length === 0) {
    return h(
      "div.gw-columns",
      { "data-count": 0 },
      h("div.gw-written.gw-blank", {}, () => blank(play)),
    );
  }
  const many = leaves.length > 1;
  const columns = h(
    "div.gw-columns",
    // Many stand in two rows of equal length rather than in thin columns.
    {
      "data-count": leaves.length,
      style: `--gw-count:${leaves.length > 4 ? Math.ceil(leaves.length / 2) : leaves.length}`,
    },
    leaves.map((leaf, i) =>
      h(
        "article.gw-column",
        { "data-leaf": leaf, "data-shown": () => many && traits.leaf.value === leaf },
        many && header(play, leaf, leaves),
        () =>
          traits.markdown.value
            ? markdown(play, leaf)
            : mountText(
                play,
                pathSource(play, leaf),
                many ? `Text ${i + 1} of ${leaves.length}` : "Written text",
              ),
      ),
    ),
  );
  if (many) {
    follow(() => {
      void play.story.grown.value;
      const at = parting(play, leaves);
      for (const old of columns.querySelectorAll(".gw-differs")) old.classList.remove("gw-differs");
      for (const leaf of leaves) {
        columns.querySelector(`[id="${play.id}-${leaf}-${at}"]`)?.classList.add("gw-differs");
      }
    });
  }
  return columns;
}

/** The first place where the texts are not the same; -1 where they are as far as they go. */
function parting({ story }: Play, leaves: readonly string[]): number {
  const ends = leaves.map((leaf) => story.length(leaf));
  const end = Math.min(...ends);
  const paths = leaves.map((leaf) => story.path(leaf));
  const idAt = (k: number, at: number): number => {
    const found = paths[k]?.findLast(([, from]) => at >= from);
    return found ? story.tokens(found[0]).of("id", at - found[1]) : -1;
  };
  for (let at = 0; at < end; at++) {
    const id = idAt(0, at);
    if (leaves.some((_, k) => idAt(k, at) !== id)) return at;
  }
  return -1;
}

function blank({ traits, running }: Play): string {
  if (running.value) return "…";
  return traits.chat.value ? "The answer comes here." : "The text goes on here.";
}

/** Which of the texts it is: its setting or seed, and how it ended. */
function header(play: Play, leaf: string, leaves: readonly string[]): Child {
  const { story, traits, show, marked, mark } = play;
  const entry = (): Entry | undefined => story.entries.value.get(leaf);
  const rules = leaves.map((one) => story.entries.peek().get(one)?.sampling ?? {});
  const told = (): string => {
    const own = entry();
    const parts = [own?.name ?? "", differing(own?.sampling ?? {}, rules)];
    if (typeof own?.seed === "number") parts.push(`seed ${own.seed}`);
    parts.push(play.state(own));
    return parts.filter(Boolean).join(" · ");
  };
  return h(
    "header.gw-bar",
    {},
    button(told, () => show(leaf), {
      title: "This one: it is continued, named, and shown in the tree",
      "aria-pressed": () => traits.leaf.value === leaf,
    }),
    () => marked.value.has(leaf) && iconButton("close", "Compare it no more", () => mark(leaf)),
  );
}

const SHORT: Readonly<Record<string, string>> = {
  temperature: "T",
  // biome-ignore-start lint/style/useNamingConvention: the names of gw.Sampling
  top_k: "k",
  top_p: "p",
  min_p: "min-p",
  repetition_penalty: "rep.",
  // biome-ignore-end lint/style/useNamingConvention: as above
};

/** What of a setting is not the same in all: "T 0.7 · p 0.9". */
export function differing(own: Rules, all: readonly Rules[]): string {
  return Object.entries(SHORT)
    .filter(([name]) => own[name as keyof Rules] !== undefined) // who edits has no rules
    .filter(([name]) => new Set(all.map((one) => one[name as keyof Rules])).size > 1)
    .map(([name, short]) => `${short} ${own[name as keyof Rules]}`)
    .join(" · ");
}
