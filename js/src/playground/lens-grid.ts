// The table of a logit lens: a row for each number of layers, a column for each token that was read, in each cell the
// first word, tinted by its probability. One cell has the focus; the arrow keys go from cell to cell.
import type { ReadonlySignal, Signal } from "@preact/signals-core";
import { batch } from "@preact/signals-core";
import { follow, h } from "../dom";
import { visible } from "../tokens";
import { probability } from "./figures";
import type { Lens } from "./lens-state";
import type { Play } from "./play";
import { shades, tintOf } from "./tint";

export interface Cell {
  readonly row: number;
  readonly column: number;
}

export function grid(
  play: Play,
  lens: Lens,
  pointed: Signal<Cell | null>,
  chosen: ReadonlySignal<Cell | null>,
): HTMLElement {
  const { traits, story, theme } = play;
  const [high, wide] = [lens.layers.length, lens.read.length];
  const at = ({ row, column }: Cell): number => (row * wide + column) * lens.k;
  const piece = (id: number | undefined): string => visible(story.piece(id ?? -1) ?? "");
  const cells: HTMLElement[][] = lens.layers.map((_, row) =>
    Array.from({ length: wide }, (_ignored, column) =>
      h(
        "td",
        { role: "gridcell", tabindex: -1, "data-row": row, "data-column": column },
        h("bdi", {}, piece(lens.ids[at({ row, column })])),
      ),
    ),
  );
  const cellOf = (target: EventTarget | null): Cell | null => {
    const { row, column } = (target as Element).closest<HTMLElement>("td")?.dataset ?? {};
    return row === undefined || column === undefined ? null : { row: Number(row), column: Number(column) };
  };
  const element = ({ row, column }: Cell): HTMLElement | undefined => cells[row]?.[column];

  let here: Cell = chosen.peek() ?? { row: high - 1, column: wide - 1 };
  element(here)?.setAttribute("tabindex", "0");
  const stand = (cell: Cell): void => {
    element(here)?.setAttribute("tabindex", "-1");
    here = cell;
    const one = element(cell);
    one?.setAttribute("tabindex", "0");
    // What is heard: the words are read out where the focus is, and not of two thousand cells before.
    const words = Array.from({ length: lens.k }, (_, i) => {
      const p = lens.probabilities[at(cell) + i] ?? Number.NaN;
      return `${piece(lens.ids[at(cell) + i])} ${probability(p)}`;
    });
    one?.setAttribute("aria-label", words.join(", "));
  };
  /** Chosen once more, a cell is let go. */
  const choose = (cell: Cell): void => {
    const before = chosen.peek();
    const same = before?.row === cell.row && before.column === cell.column;
    const position = lens.start + cell.column;
    batch(() => {
      traits.lensCell.value = same ? null : [lens.layers[cell.row] ?? 0, position];
      if (!same && story.entries.peek().has(traits.leaf.peek())) traits.token.value = position;
    });
  };
  const onkeydown = (event: KeyboardEvent): void => {
    const { row, column } = here;
    const { key, ctrlKey } = event;
    const steps: Record<string, Cell> = {
      ArrowLeft: { row, column: Math.max(0, column - 1) },
      ArrowRight: { row, column: Math.min(wide - 1, column + 1) },
      ArrowUp: { row: Math.max(0, row - 1), column },
      ArrowDown: { row: Math.min(high - 1, row + 1), column },
      Home: { row: ctrlKey ? 0 : row, column: 0 },
      End: { row: ctrlKey ? high - 1 : row, column: wide - 1 },
    };
    const to = steps[key];
    if (to) element(to)?.focus();
    else if (key === "Enter" || key === " ") choose(here);
    else if (key === "Escape" && chosen.peek()) traits.lensCell.value = null;
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const name = (n: number): string =>
    n === 0 ? "embedding" : n === lens.layers.at(-1) ? `${n} output` : `${n}`;
  const table = h(
    "table",
    {
      role: "grid",
      "aria-label": "What each layer would say",
      "aria-description": "Arrow keys go from cell to cell, Enter chooses one.",
      onkeydown,
      onclick: (event: Event) => {
        const cell = cellOf(event.target);
        if (cell) choose(cell);
      },
      onpointerover: (event: Event) => {
        pointed.value = cellOf(event.target);
      },
      onpointerleave: () => {
        pointed.value = null;
      },
      onfocusin: (event: Event) => {
        const cell = cellOf(event.target);
        if (cell) stand(cell);
        pointed.value = cell;
      },
      onfocusout: () => {
        pointed.value = null;
      },
    },
    h(
      "thead",
      {},
      h(
        "tr",
        { role: "row" },
        h("th", { scope: "col" }, "layers"),
        Array.from(lens.read as ArrayLike<number>, (id, column) =>
          h(
            "th",
            {
              scope: "col",
              title: `Position ${lens.start + column}`,
              "data-kept": () => traits.token.value === lens.start + column,
            },
            h("bdi", {}, piece(id)),
          ),
        ),
      ),
    ),
    h(
      "tbody",
      {},
      lens.layers.map((n, row) => h("tr", { role: "row" }, h("th", { scope: "row" }, name(n)), cells[row])),
    ),
  );

  follow(() => {
    const all = shades(theme.value.dark, true); // not the text's orange, which is what surprises
    for (const [row, line] of cells.entries()) {
      for (const [column, cell] of line.entries()) {
        const { ground, ink } = tintOf(all, lens.probabilities[at({ row, column })] ?? 0);
        cell.style.background = ground;
        cell.style.color = ink;
      }
    }
  });
  let marked: HTMLElement | undefined;
  follow(() => {
    const cell = chosen.value;
    marked?.removeAttribute("aria-selected");
    marked = cell ? element(cell) : undefined;
    marked?.setAttribute("aria-selected", "true");
  });
  return h("div.gw-lens-scroll", {}, table);
}
