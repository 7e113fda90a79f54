// The overview: the thumbnails of all layers × heads on one canvas, of which only the visible ones are drawn.
//
// For keys and screen readers one element stands in for the chosen cell (role gridcell, `data-layer`, `data-head`),
// at that cell's place. A test finds any other cell by the scroller's `data-grid`, a JSON object: the cell of a row
// and a column begins at (left + column · stepX + ⌊row / deep⌋ · stepBlock, top + (row mod deep) · stepY) CSS pixels
// of the drawing and is cellWidth × cellHeight.
import { computed, signal } from "@preact/signals-core";
import { type Child, follow, h, onEnd } from "../dom";
import type { Which } from "../model";
import { drawCells } from "./cells";
import { headTitle, score } from "./format";
import { type Layout, lay, move, nameOf, placeAt, placeOf, rectOf, reveal } from "./layout";
import type { Panels, Tip } from "./panels";
import { flip, isOff } from "./switching";

export function grid(panels: Panels): Child {
  const { traits, arrangement, palette, theme, thumbs, tip } = panels;
  const size = signal<readonly [width: number, height: number]>([0, 0]);
  const layout = computed(() => lay(arrangement.value, size.value[0], size.value[1], panels.type.value - 2));
  const chosen = computed(() => placeOf(layout.value, traits.layer.value, traits.head.value));
  let frame = 0;

  const draw = (): void => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => drawCells(canvas, panels, layout.peek(), chosen.peek()));
  };

  const under = (event: MouseEvent): number => {
    const { left, top } = scroller.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    const { ranked, left: side, top: head } = layout.peek();
    if (!ranked && (x < side || y < head)) return -1; // on the numbers, which cover scrolled cells
    return placeAt(layout.peek(), x + scroller.scrollLeft, y + scroller.scrollTop);
  };

  const onkeydown = (event: KeyboardEvent): void => {
    if (event.altKey || event.metaKey) return;
    const of = layout.peek();
    const here = of.cells[chosen.peek()];
    if (event.key === "x" && !event.ctrlKey && here) {
      event.preventDefault();
      event.stopPropagation();
      flip(traits, here.layer, here.head);
      return;
    }
    const page = Math.max(1, Math.floor((size.peek()[1] - of.top) / of.stepY));
    const to = move(of, Math.max(0, chosen.peek()), { key: event.key, page, whole: event.ctrlKey });
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    panels.choose(of.cells[to]);
  };

  const canvas = h("canvas", { "aria-hidden": "true" }) as HTMLCanvasElement;
  const room = h(
    "div.gw-room",
    { style: () => `width:${layout.value.width + 3}px;height:${layout.value.height + 3}px` },
    canvas,
    () => {
      const cell = layout.value.cells[chosen.value];
      if (!cell) return;
      const { x, y, width, height } = rectOf(layout.value, chosen.value);
      const stand = h("div.gw-cell", {
        id: `${panels.id}-cell`,
        role: "gridcell",
        "aria-selected": true,
        "aria-label": [
          headTitle(cell.layer, cell.head),
          ...describe(panels, cell.layer, cell.head).map((pair) => pair.join(" ").trim()),
        ].join(", "),
        "data-layer": cell.layer,
        "data-head": cell.head,
        style: `left:${x}px;top:${y}px;width:${width}px;height:${height}px`,
      });
      return h("div", { role: "row" }, stand);
    },
  );
  const scroller = h(
    "div.gw-grid",
    {
      role: "grid",
      tabindex: 0,
      "aria-label": () => (traits.sort.value ? `Heads by ${traits.sort.value}` : "All layers and heads"),
      "aria-activedescendant": `${panels.id}-cell`,
      "aria-rowcount": () => layout.value.rows,
      "aria-colcount": () => layout.value.columns,
      "data-grid": () => JSON.stringify({ ...layout.value, cells: undefined }),
      onscroll: draw,
      onkeydown,
      onclick(event: MouseEvent) {
        const cell = layout.peek().cells[under(event)];
        if (cell && traits.switching.peek()) flip(traits, cell.layer, cell.head);
        else panels.choose(cell);
      },
      onpointermove: (event: PointerEvent) => {
        const cell = layout.peek().cells[under(event)];
        const box = panels.root.getBoundingClientRect();
        tip.value = cell ? tipOf(panels, cell, event.clientX - box.left, event.clientY - box.top) : null;
      },
      onpointerleave: () => {
        tip.value = null;
      },
    },
    room,
  );
  const frameBox = h("div.gw-window", {}, scroller);
  const observer = new ResizeObserver(() => {
    size.value = [frameBox.clientWidth, frameBox.clientHeight];
  });
  observer.observe(frameBox);
  onEnd(() => {
    observer.disconnect();
    cancelAnimationFrame(frame);
  });

  follow(() => {
    void [
      layout.value,
      chosen.value,
      palette.value,
      theme.value,
      thumbs.version.value,
      traits.hideSink.value,
      traits.headsOff.value,
      traits.color.value,
      traits.scores.value,
    ];
    draw();
  });
  let order = "";
  let head = "";
  follow(() => {
    const of = layout.value;
    const place = chosen.value;
    const nowOrder = [traits.sort.value, traits.descending.value, traits.filter.value].join();
    const nowHead = `${traits.layer.value}:${traits.head.value}`;
    const { clientWidth: width, clientHeight: height } = scroller;
    if (place < 0 || height === 0) return;
    const { x, y, width: across } = rectOf(of, place);
    // A new order is read from its beginning, wherever the chosen head has gone.
    if (of.ranked && order !== nowOrder) scroller.scrollTop = 0;
    else if (head !== nowHead || !of.ranked) {
      scroller.scrollTop = reveal(scroller.scrollTop, height - of.top, y - of.top - 2, of.stepY + 2);
      scroller.scrollLeft = reveal(scroller.scrollLeft, width - of.left, x - of.left - 2, across + 4);
    }
    order = nowOrder;
    head = nowHead;
  });
  return frameBox;
}

const WORDS: Record<string, string> = {
  entropy: "entropy, bits",
  effect: "effect, nats",
  direct: "direct, logits",
  value: "‖α v W_O‖",
  distance: "mean distance",
  first: "on the first token",
  previous: "on the previous token",
  same: "on the same token",
};

/** What is known of a head: its kind, its scores, the heads it shares keys and values with, its window. */
export function describe({ traits }: Pick<Panels, "traits">, layer: Which, head: Which): [string, string][] {
  const { n_heads: heads = 0, n_kv_heads: shared = 0, layers, windows } = traits.info.value;
  const { columns = [], rows = [] } = traits.scores.value;
  const mine = ([one, other]: readonly unknown[]): boolean => one === layer && other === head;
  const row = rows.find(mine) ?? [];
  const lines: [string, string][] = [
    [isOff(traits.headsOff.value, layer, head) ? `switched off (${traits.ablation.value})` : "", ""],
    [traits.kindOf.value.find(mine)?.[2] ?? "", ""],
  ];
  for (const [k, name] of columns.entries()) {
    const value = row[k + 2];
    const words = name === "own" ? traits.scores.value.own : WORDS[name];
    if (typeof value === "number") lines.push([words || name, score(value)]);
  }
  if (typeof head === "number" && shared > 0 && shared < heads) {
    const group = heads / shared;
    const from = head - (head % group);
    lines.push(["shares keys and values", `${from}–${from + group - 1}`]);
  }
  const window = windows?.[layers?.indexOf(layer as number) ?? -1];
  if (window) lines.push(["sees the last", `${window}`]);
  return lines.filter(([words]) => words);
}

const tipOf = (panels: Panels, { layer, head }: Layout["cells"][0], x: number, y: number): Tip => ({
  x,
  y,
  strong: nameOf(layer, head),
  quiet: describe(panels, layer, head),
});
