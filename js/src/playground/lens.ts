// What the model would say if it stopped after each of its layers: the room for it, the button that asks, and what is
// told of one cell. Nothing here is asked for unless a hand does it.
import { computed, type ReadonlySignal, signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { jobLine, share } from "../job";
import { visible } from "../tokens";
import { button, iconButton } from "../ui";
import { probability } from "./figures";
import { type Cell, grid } from "./lens-grid";
import type { Lens } from "./lens-state";
import type { Play } from "./play";

/** Opens the room and asks; a second press closes it. */
export function layersButton({ layers, lens, traits }: Play): Child {
  const turn = (): void => {
    layers.value = !layers.peek();
    if (layers.peek() && !lens.there.peek()) void lens.run();
  };
  return button("Layers", turn, {
    class: "gw-button gw-layers",
    "aria-expanded": () => layers.value,
    disabled: () => !layers.value && (traits.status.value === "running" || traits.status.value === "loading"),
    title: "What the model would say if it stopped after each of its layers (logit lens)",
  });
}

export function lensPanel(play: Play): Child {
  const { lens } = play;
  return () => play.layers.value && h("section.gw-lens", { "aria-label": "Layers" }, head(play), body(play));

  function body({ traits, running }: Play): Child {
    return () => {
      if (lens.busy.value) return job(play);
      if (lens.error.value) return h("p.gw-error", { role: "alert" }, lens.error.value);
      const now = lens.there.value;
      if (now) return table(play, now);
      const why = lens.stale.value
        ? "The text, or what is changed inside the model, is another one now."
        : "";
      return h(
        "p.gw-group",
        { role: "status" },
        h("span.gw-quiet", {}, why || "Nothing was read yet."),
        button("Read this text", () => void lens.run(), {
          disabled: () => running.value || traits.status.value === "closed",
        }),
      );
    };
  }
}

/** Its name, the way to earlier and later tokens of a long text, and close. */
function head({ lens, layers: open, running }: Play): Child {
  const move = (by: number): void => {
    const now = lens.there.peek();
    if (!now) return;
    const wide = now.read.length;
    const middle = now.start + Math.floor(wide / 2) + by * wide;
    void lens.run(Math.max(0, Math.min(now.length, middle))); // below 0 it would count from the end
  };
  return h(
    "header.gw-bar",
    {},
    h("h3", {}, "Layers"),
    h("span.gw-quiet.gw-lens-what", {}, "what the model would say next if it stopped after each layer"),
    h("span.gw-push"),
    () => {
      const now = lens.there.value;
      if (!now || now.read.length >= now.length) return null;
      const end = now.start + now.read.length;
      return [
        h("span.gw-quiet", {}, `tokens ${now.start} to ${end - 1} of ${now.length}`),
        iconButton("back", "Earlier tokens", () => move(-1), {
          disabled: () => now.start === 0 || running.value,
        }),
        iconButton("next", "Later tokens", () => move(1), {
          disabled: () => end >= now.length || running.value,
        }),
      ];
    },
    iconButton("close", "Close", () => {
      lens.stop();
      open.value = false;
    }),
  );
}

function job({ traits, lens }: Play): Child {
  return h(
    "div.gw-bar.gw-job",
    { role: "status" },
    () => {
      const value = share(traits.progress.value);
      return h("progress", { "aria-label": "Progress", max: 1, ...(value !== undefined && { value }) });
    },
    h("span.gw-quiet", {}, () => jobLine(traits.progress.value)),
    h("span.gw-push"),
    button("Stop", () => lens.stop()),
  );
}

function table(play: Play, lens: Lens): Child {
  const pointed = signal<Cell | null>(null);
  const chosen = computed((): Cell | null => {
    const cell = play.traits.lensCell.value;
    const row = cell ? lens.layers.indexOf(cell[0]) : -1;
    const column = cell ? cell[1] - lens.start : -1;
    return row < 0 || column < 0 || column >= lens.read.length ? null : { row, column };
  });
  return [
    h(
      "p.gw-lens-told",
      {},
      told(play, lens, () => pointed.value ?? chosen.value),
    ),
    grid(play, lens, pointed, chosen as ReadonlySignal<Cell | null>),
  ];
}

/** The best words of a cell with their probabilities, and what they are. */
function told({ story }: Play, lens: Lens, where: () => Cell | null): Child {
  const quoted = (id: number): Child => h("bdi.gw-quoted", {}, visible(story.piece(id) ?? ""));
  return () => {
    const cell = where();
    if (!cell) {
      return h("span.gw-quiet", {}, [
        "Each column is a token that was read, each row a number of layers. The last row is the model’s own ",
        "output; what the rows above say is a view of them, and no belief of the model.",
        lens.under && ` Under: ${lens.under}.`,
      ]);
    }
    const from = (cell.row * lens.read.length + cell.column) * lens.k;
    const n = lens.layers[cell.row] ?? 0;
    const last = cell.row === lens.layers.length - 1;
    const when = last ? "the model says" : n === 0 ? "the embedding alone says" : `${counted(n)} would say`;
    return [
      h(
        "span.gw-quiet",
        {},
        "After ",
        quoted(lens.read[cell.column] ?? -1),
        ` (position ${lens.start + cell.column}) ${when}:`,
      ),
      Array.from({ length: lens.k }, (_, i) =>
        h(
          "span.gw-lens-word",
          {},
          quoted(lens.ids[from + i] ?? -1),
          ` ${probability(lens.probabilities[from + i] ?? Number.NaN)}`,
        ),
      ),
    ];
  };
}

const counted = (n: number): string => `${n} layer${n === 1 ? "" : "s"}`;
