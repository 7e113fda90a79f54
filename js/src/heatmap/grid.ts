// The overview: the thumbnails of all layers × heads on one canvas, of which only the visible ones are drawn.
//
// For keys and screen readers one element stands in for the chosen cell (role gridcell, `data-layer`, `data-head`),
// at that cell's place. A test finds any other cell by the scroller's `data-grid`, a JSON object: the cell of a row
// and a column begins at (left + column · stepX, top + row · stepY) CSS pixels of the drawing and is
// cellWidth × cellHeight.
import { computed, signal } from "@preact/signals-core";
import { type Child, follow, h, onEnd } from "../dom";
import type { Which } from "../model";
import { headTitle, score } from "./format";
import {
  type Layout,
  lay,
  move,
  nameOf,
  paint,
  placeAt,
  placeOf,
  type Rect,
  rectOf,
  reveal,
  visible,
} from "./layout";
import type { Panels, Tip } from "./panels";

export function grid(panels: Panels): Child {
  const { traits, arrangement, palette, theme, thumbs, tip } = panels;
  const size = signal<readonly [width: number, height: number]>([0, 0]);
  const layout = computed(() => lay(arrangement.value, size.value[0], size.value[1], panels.type.value - 2));
  const chosen = computed(() => placeOf(layout.value, traits.layer.value, traits.head.value));
  let frame = 0;

  const draw = (): void => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => drawGrid(canvas, scroller, panels, layout.peek(), chosen.peek()));
  };

  const under = (event: MouseEvent): number => {
    const { left, top } = scroller.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    const { ranked, left: side, top: head } = layout.peek();
    if (!ranked && (x < side || y < head)) return -1;
    return placeAt(layout.peek(), x + scroller.scrollLeft, y + scroller.scrollTop);
  };

  const onkeydown = (event: KeyboardEvent): void => {
    if (event.altKey || event.metaKey) return;
    const of = layout.peek();
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
    { style: () => `width:${layout.value.width}px;height:${layout.value.height}px` },
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
      onclick: (event: MouseEvent) => panels.choose(layout.peek().cells[under(event)]),
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
    ];
    draw();
  });
  let seen: unknown;
  follow(() => {
    const of = layout.value;
    const [width, height] = size.value;
    const place = chosen.value;
    const order = [traits.sort.value, traits.descending.value, traits.filter.value].join();
    if (place < 0 || height === 0) return;
    const { x, y, width: cell } = rectOf(of, place);
    // A new order is read from its beginning, wherever the chosen head has gone.
    const fresh = of.ranked && order !== seen;
    seen = order;
    scroller.scrollTop = fresh
      ? 0
      : reveal(scroller.scrollTop, height - of.top, y - of.top - 2, of.stepY + 2);
    scroller.scrollLeft = reveal(scroller.scrollLeft, width - of.left, x - of.left - 2, cell + 4);
  });
  return frameBox;
}

const WORDS: Record<string, string> = {
  entropy: "entropy, bits",
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
  const lines: [string, string][] = [[traits.kindOf.value.find(mine)?.[2] ?? "", ""]];
  for (const [k, name] of columns.entries()) {
    const value = row[k + 2];
    if (typeof value === "number") lines.push([WORDS[name] ?? name, score(value)]);
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

function drawGrid(
  canvas: HTMLCanvasElement,
  scroller: HTMLElement,
  panels: Panels,
  layout: Layout,
  chosen: number,
): void {
  const [width, height, dx, dy] = [
    scroller.clientWidth,
    scroller.clientHeight,
    scroller.scrollLeft,
    scroller.scrollTop,
  ];
  const context = canvas.getContext("2d");
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (!context || wide === 0 || high === 0) return;
  if (canvas.width !== wide || canvas.height !== high) {
    Object.assign(canvas, { width: wide, height: high });
    canvas.style.cssText = `width:${width}px;height:${height}px`;
  }
  const { accent, line, paper } = panels.theme.peek();
  const { lut: colors, signed = false } = panels.palette.peek();
  const image = context.createImageData(wide, high);
  const pixels = { data: new Uint32Array(image.data.buffer), stride: wide };
  const wanted: [Which, Which][] = [];
  const boxes: Rect[] = [];
  const faint: Rect[] = [];
  const [from, to] = visible(layout, dy, height);
  for (let place = from; place < to; place++) {
    const cell = layout.cells[place];
    const whole = rectOf(layout, place);
    const box = { ...whole, x: whole.x - dx, y: whole.y - dy };
    if (!cell || box.x + box.width < 0 || box.x > width) continue;
    wanted.push([cell.layer, cell.head]);
    boxes.push(box);
    if (!cell.kept) faint.push(box);
    const thumbnail = panels.thumbs.get(cell.layer, cell.head);
    if (thumbnail) paint(pixels, scaled(box, ratio), thumbnail, { colors, signed });
  }
  panels.thumbs.want(wanted);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.putImageData(image, 0, 0);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const fill = (style: string, alpha: number, these: Rect[]): void => {
    context.fillStyle = style;
    context.globalAlpha = alpha;
    for (const box of these) context.fillRect(box.x, box.y, box.width, box.height);
    context.globalAlpha = 1;
  };
  context.globalCompositeOperation = "destination-over"; // under the cells: where there is none, and skeletons
  fill(line, 0.16, boxes);
  context.globalCompositeOperation = "source-over";
  fill(paper, 0.85, faint);
  if (chosen >= from && chosen < to) {
    const { x, y, width: across, height: down } = rectOf(layout, chosen);
    context.strokeStyle = accent;
    context.lineWidth = 2;
    context.strokeRect(x - dx - 1, y - dy - 1, across + 2, down + 2);
  }
  if (layout.cells.length > 0) drawWords(context, panels, layout, { width, height, dx, dy, chosen });
}

/** In whole pixels of the device, so that neighbours neither overlap nor part. */
function scaled({ x, y, width, height }: Rect, ratio: number): Rect {
  const at = (length: number): number => Math.round(length * ratio);
  return { x: at(x), y: at(y), width: at(x + width) - at(x), height: at(y + height) - at(y) };
}

/** Whether a number has room: every so-manieth, and the chosen one instead of its neighbours. */
const shows = (at: number, every: number, chosen: number): boolean =>
  at === chosen || (at % every === 0 && (chosen < 0 || Math.abs(at - chosen) >= every));

interface Frame {
  width: number;
  height: number;
  dx: number;
  dy: number;
  chosen: number;
}

/** A ranking's captions; or the numbers along the sides, which stay while the cells scroll under them. */
function drawWords(context: CanvasRenderingContext2D, panels: Panels, layout: Layout, frame: Frame): void {
  const { width, height, dx, dy, chosen } = frame;
  const { cells, columns, ranked, left, top, stepX, stepY, cellWidth, cellHeight } = layout;
  const { accent, ink, soft, line, font } = panels.theme.peek();
  const type = panels.type.peek() - 2;
  const write = (text: string, x: number, y: number, style: string): void => {
    // The words "mean" and "max" have the room of a number.
    context.font = `${style === accent ? 600 : 400} ${text.startsWith("m") ? type * 0.7 : type}px ${font}`;
    context.fillStyle = style;
    context.fillText(text, x, y);
  };
  context.textBaseline = "middle";
  if (ranked) {
    context.textAlign = "left";
    const [from, to] = visible(layout, dy, height);
    for (let place = from; place < to; place++) {
      const { layer, head, value } = cells[place] as Layout["cells"][0];
      const { x, y } = rectOf(layout, place);
      write(nameOf(layer, head), x, y - dy + cellHeight + type, place === chosen ? accent : ink);
      write(score(value), x, y - dy + cellHeight + type * 2.2, soft);
    }
    return;
  }
  const { n_heads: heads = 0, n_kv_heads: shared = 0, layers = [], windows = [] } = panels.traits.info.peek();
  const here = cells[chosen];
  context.clearRect(0, 0, left - 2, height);
  context.clearRect(0, 0, width, top - 2);

  context.textAlign = "right";
  const everyRow = Math.max(1, Math.ceil((type + 1) / stepY)); // every how many rows a number has room
  for (let row = 0; row < layout.rows; row++) {
    const layer = cells[row * columns]?.layer as Which;
    const y = top + row * stepY - dy + cellHeight / 2;
    if (y < top || y > height) continue;
    if (shows(row, everyRow, Math.floor(chosen / columns))) {
      write(`${layer}`, left - 8, y, layer === here?.layer ? accent : soft);
    }
    if (!windows[layers.indexOf(layer as number)]) continue;
    context.fillStyle = soft;
    for (let dot = -2; dot <= 2; dot++) context.fillRect(left - 5, y + dot * 3 - 1, 1.5, 1.5);
  }

  context.save();
  context.beginPath();
  context.rect(left - 1, 0, width, top);
  context.clip();
  context.textAlign = "center";
  const everyColumn = Math.max(1, Math.ceil((type * 1.6) / stepX));
  for (let column = 0; column < columns; column++) {
    const head = cells[column]?.head;
    const x = left + column * stepX - dx + cellWidth / 2;
    if (!shows(column, everyColumn, chosen % columns)) continue;
    write(`${head}`, x, top / 2 - 2, head === here?.head ? accent : soft);
  }
  context.fillStyle = line;
  const group = shared > 0 && shared < heads ? heads / shared : heads + 1;
  for (let first = 0; first + group <= heads; first += group) {
    context.fillRect(left + first * stepX - dx, top - 4, group * stepX - (stepX - cellWidth), 1.5);
  }
  context.restore();
}
