// Everything that was written, as a tree over the length of the text: a bar a node, from the token where it begins
// to the one where it ends, and a line to what it goes on from. Rows keep their order, so that nothing jumps.
import { computed, signal } from "@preact/signals-core";
import { type Child, follow, h } from "../dom";
import { button, toggle } from "../ui";
import type { Play } from "./play";
import type { Entry } from "./traits";

export interface Row {
  readonly entry: Entry;
  readonly depth: number;
  /** The row of what it goes on from; -1 for a prompt. */
  readonly parent: number;
  readonly length: number;
}

/** The nodes in the order in which a reader meets them: each followed by what goes on from it. */
export function rows(
  entries: ReadonlyMap<string, Entry>,
  all: boolean,
  lengthOf: (id: string) => number,
): readonly Row[] {
  const children = new Map<string, Entry[]>();
  for (const entry of entries.values()) {
    if (entry.pruned && !all) continue;
    const key = entry.parent ?? "";
    children.set(key, [...(children.get(key) ?? []), entry]);
  }
  const made: Row[] = [];
  const visit = (key: string, depth: number, parent: number): void => {
    for (const entry of children.get(key) ?? []) {
      const at = made.push({ entry, depth, parent, length: lengthOf(entry.id) }) - 1;
      visit(entry.id, depth + 1, at);
    }
  };
  visit("", 0, -1);
  return made;
}

const WORDS = 40; // tokens of a row that is being written

export function tree(play: Play): Child {
  const { story, traits, ask, show, marked, mark } = play;
  const hidden = signal(false);
  const naming = signal("");
  const list = computed(() => rows(story.entries.value, hidden.value, (id) => story.tokens(id).length));
  const structure = computed(() =>
    JSON.stringify(
      list.value.map(({ entry: { id, name: called, pruned: gone, running, reason, preview } }) => [
        id,
        called,
        gone,
        running,
        reason,
        preview,
      ]),
    ),
  );
  const scale = computed(() => {
    void story.grown.value;
    return Math.max(16, ...list.value.map(({ entry }) => entry.at + story.tokens(entry.id).length));
  });
  const pruned = computed(() => [...story.entries.value.values()].some((entry) => entry.pruned));

  const name = (id: string, to: string | null): void => {
    naming.value = "";
    if (to !== null) void ask("name", { node: id, name: to });
    host.focus();
  };
  const rowOf = (row: Row, i: number): HTMLElement => {
    const { entry } = row;
    const { id } = entry;
    // A row's own entry comes when its run ends; until then its first words are those of its tokens.
    const named = computed(() => {
      if (entry.name || entry.preview) return label(entry);
      void story.grown.value;
      return label({ ...entry, preview: story.tokens(id).texts.slice(0, WORDS).join("") });
    });
    const bar = h("i.gw-span");
    const elbow = h("i.gw-elbow");
    follow(() => {
      void story.grown.value;
      const whole = scale.value;
      const from = (100 * entry.at) / whole;
      const length = (100 * story.tokens(id).length) / whole;
      bar.style.cssText = `left:${from}%;width:${Math.max(length, 0.4)}%`;
      const high = row.parent < 0 ? 0 : i - row.parent;
      elbow.style.cssText = row.parent < 0 ? "display:none" : `left:${from}%;--gw-rows:${high}`;
    });
    return h(
      "div.gw-tree-row",
      {
        id: `${play.id}-tree-${id}`,
        role: "treeitem",
        "aria-level": row.depth + 1,
        "aria-selected": () => traits.leaf.value === id,
        "aria-label": () => {
          void story.grown.value;
          const facts = [named.value, `${story.tokens(id).length} tokens`, play.state(entry) || entry.kind];
          return [...facts, ...(marked.value.has(id) ? ["marked to compare"] : [])].join(", ");
        },
        "data-marked": () => marked.value.has(id),
        "data-kind": entry.kind,
        "data-pruned": entry.pruned === true,
        "data-running": () => play.state(entry) === "writing",
        onclick: (event: MouseEvent) => (event.ctrlKey || event.metaKey ? beside(id) : show(id)),
        ondblclick: () => {
          naming.value = id;
        },
      },
      h("span.gw-rail", {}, elbow, bar),
      () =>
        naming.value === id
          ? rename(entry, (to) => name(id, to))
          : h(
              "span.gw-tree-name",
              { "data-named": Boolean(entry.name) },
              h("bdi", {}, () => named.value),
            ),
      h("span.gw-quiet.gw-tree-facts", {}, () => {
        void story.grown.value;
        return [`${story.tokens(id).length}`, play.state(entry)].filter(Boolean).join(" · ");
      }),
    );
  };
  /** Puts a node beside the shown one, or takes it away from there. */
  const beside = (id: string): void => {
    const leaf = traits.leaf.peek();
    if (!marked.peek().has(leaf) && leaf !== id) mark(leaf);
    mark(id);
  };
  const go = (to: Row | undefined): void => {
    if (to) show(to.entry.id);
  };
  const onkeydown = (event: KeyboardEvent): void => {
    if (event.target !== host || event.ctrlKey || event.metaKey || event.altKey) return;
    const now = list.peek();
    const at = now.findIndex(({ entry }) => entry.id === traits.leaf.peek());
    const here = now[at];
    const keys: Readonly<Record<string, () => void>> = {
      ArrowDown: () => go(now[at + 1]),
      ArrowUp: () => go(now[Math.max(0, at - 1)]),
      ArrowLeft: () => go(now[here?.parent ?? -1]),
      ArrowRight: () => go(now.find(({ parent }) => parent === at)),
      Home: () => go(now[0]),
      End: () => go(now.at(-1)),
      Enter: () => here && void ask("continue", { leaf: here.entry.id }),
      c: () => here && mark(here.entry.id),
      Delete: () => here && void ask("prune", { node: here.entry.id, pruned: here.entry.pruned !== true }),
      F2: () => {
        naming.value = here?.entry.id ?? "";
      },
    };
    const does = keys[event.key];
    if (!does) return;
    event.preventDefault();
    event.stopPropagation();
    does();
  };
  const host = h(
    "div.gw-tree",
    {
      role: "tree",
      tabindex: 0,
      "aria-label": "Everything that was written",
      "aria-activedescendant": () =>
        story.entries.value.has(traits.leaf.value) ? `${play.id}-tree-${traits.leaf.value}` : undefined,
      onkeydown,
    },
    () => {
      void structure.value;
      return list.peek().map(rowOf);
    },
    () => list.value.length === 0 && h("p.gw-quiet", {}, "Every run, branch and edit is kept here."),
  );
  // The row of what is shown is seen, also where Python or a new run chose it; the notebook stays where it is.
  follow(() => {
    void structure.value;
    const { value: leaf } = traits.leaf;
    queueMicrotask(() => reveal(host, host.querySelector(`[id="${play.id}-tree-${leaf}"]`)));
  });
  return h(
    "section.gw-branches",
    { "aria-label": "Branches" },
    h(
      "header.gw-bar",
      {},
      h("h3", {}, "Branches"),
      h("span.gw-quiet", {}, "over the length of the text, in tokens"),
      h("span.gw-push"),
      button("Side by side", () => mark(traits.leaf.peek()), {
        title: "Mark this text: marked ones stand side by side (Ctrl + click on another, or C)",
        disabled: () => !story.entries.value.has(traits.leaf.value),
        "aria-pressed": () => marked.value.has(traits.leaf.value),
      }),
      () => pruned.value && toggle("Pruned ones", "Show what was pruned or cleared, too", hidden),
    ),
    host,
  );
}

function reveal(host: HTMLElement, row: Element | null): void {
  if (!row) return;
  const [inner, outer] = [row.getBoundingClientRect(), host.getBoundingClientRect()];
  host.scrollTop += Math.min(0, inner.top - outer.top) + Math.max(0, inner.bottom - outer.bottom);
}

const label = (entry: Entry): string => {
  const text = entry.name || (entry.preview ?? "").replace(/\s+/gu, " ").trim();
  return text || (entry.kind === "prompt" ? "(empty prompt)" : "…");
};

function rename(entry: Entry, done: (name: string | null) => void): HTMLElement {
  let over = false;
  const end = (to: string | null): void => {
    if (over) return;
    over = true;
    done(to);
  };
  const field = h("input.gw-replace", {
    type: "text",
    value: entry.name ?? "",
    "aria-label": "Name of this branch",
    placeholder: "a name",
    onblur: () => end(field.value.trim()),
    onclick: (event: Event) => event.stopPropagation(),
    onkeydown: (event: KeyboardEvent) => {
      event.stopPropagation();
      if (event.key === "Enter") end(field.value.trim());
      else if (event.key === "Escape") end(null);
    },
  }) as HTMLInputElement;
  queueMicrotask(() => field.focus());
  return field;
}
