// The overview: the thumbnails of all layers × heads on one canvas, of which only the visible ones are drawn.
//
// For keys and screen readers one element stands in for the chosen cell (role gridcell, `data-layer`,
// `data-head`), at that cell's place. A test finds any other cell by the scroller's `data-*`: cell (row, column) of
// the drawing begins at (left + column · step-x, top + row · step-y) CSS pixels and is cell-width × cell-height.

import { effect, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
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
import type { Panels } from "./panels";

interface Size {
  width: number;
  height: number;
}

export function Grid({ panels }: { panels: Panels }) {
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSignal<Size>({ width: 0, height: 0 });
  const { traits, tip } = panels;

  const { width, height } = size.value;
  const arrangement = panels.arrangement.value;
  const type = panels.type.value - 2;
  const layout = useMemo(() => lay(arrangement, width, height, { type }), [arrangement, width, height, type]);
  const chosen = placeOf(layout, traits.layer.value, traits.head.value);
  const last = useRef({ layout, chosen });
  last.current = { layout, chosen };

  useEffect(() => {
    const box = scroller.current;
    if (!box) return;
    const observer = new ResizeObserver(() => {
      size.value = { width: box.clientWidth, height: box.clientHeight };
    });
    observer.observe(box.parentElement as Element);
    return () => observer.disconnect();
  }, [size]);

  // Drawn at most once a frame, whatever changed.
  const draw = useMemo(() => {
    let frame = 0;
    return () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => {
        if (canvas.current && scroller.current) {
          drawCells(canvas.current, scroller.current, panels, last.current.layout, last.current.chosen);
        }
      });
    };
  }, [panels]);

  useEffect(draw);
  useEffect(
    () =>
      effect(() => {
        void [panels.palette.value, panels.theme.value, panels.thumbs.version.value, traits.hideSink.value];
        draw();
      }),
    [panels, draw, traits],
  );

  useEffect(() => {
    const box = scroller.current;
    if (!box || chosen < 0 || height === 0) return;
    const { x, y, width: cell, height: row } = rectOf(layout, chosen);
    const caption = layout.ranked ? layout.stepY - layout.cellHeight : 0;
    box.scrollTop = reveal(box.scrollTop, height - layout.top, y - layout.top - 2, row + caption + 4);
    box.scrollLeft = reveal(box.scrollLeft, width - layout.left, x - layout.left - 2, cell + 4);
  }, [chosen, layout, width, height]);

  const choose = (place: number): void => {
    const cell = layout.cells[place];
    if (!cell) return;
    traits.layer.value = cell.layer;
    traits.head.value = cell.head;
  };

  const placeUnder = (event: MouseEvent): number => {
    const box = scroller.current as HTMLElement;
    const { left, top } = box.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    if (!layout.ranked && (x < layout.left || y < layout.top)) return -1;
    return placeAt(layout, x + box.scrollLeft, y + box.scrollTop);
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.altKey || event.metaKey) return;
    const page = Math.max(1, Math.floor((height - layout.top) / layout.stepY));
    const to = move(layout, chosen, { key: event.key, page, whole: event.ctrlKey });
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    choose(to);
  };

  const onPointerMove = (event: PointerEvent): void => {
    const cell = layout.cells[placeUnder(event)];
    const box = panels.root.getBoundingClientRect();
    tip.value = cell
      ? {
          x: event.clientX - box.left,
          y: event.clientY - box.top,
          ...describe(panels, cell.layer, cell.head),
        }
      : null;
  };

  const cell = layout.cells[chosen];
  const box = chosen >= 0 ? rectOf(layout, chosen) : undefined;
  const about = cell && describe(panels, cell.layer, cell.head);
  return (
    <div class="gw-window">
      <div
        ref={scroller}
        class="gw-grid"
        role="grid"
        tabIndex={0}
        aria-label={layout.ranked ? `Heads by ${traits.sort.value}` : "All layers and heads"}
        aria-rowcount={layout.rows}
        aria-colcount={layout.columns}
        aria-activedescendant={cell ? `${panels.id}-cell` : undefined}
        data-columns={layout.columns}
        data-left={layout.left}
        data-top={layout.top}
        data-step-x={layout.stepX}
        data-step-y={layout.stepY}
        data-cell-width={layout.cellWidth}
        data-cell-height={layout.cellHeight}
        onScroll={draw}
        onKeyDown={onKeyDown}
        onClick={(event) => choose(placeUnder(event))}
        onPointerMove={onPointerMove}
        onPointerLeave={() => {
          tip.value = null;
        }}
      >
        <div class="gw-room" style={{ width: `${layout.width}px`, height: `${layout.height}px` }}>
          <canvas ref={canvas} aria-hidden="true" />
          {cell && box && (
            // biome-ignore lint/a11y/useSemanticElements: a canvas has no rows; this stands in for the chosen one's.
            <div role="row" tabIndex={-1} aria-rowindex={Math.floor(chosen / layout.columns) + 1}>
              {/* biome-ignore lint/a11y/useSemanticElements: as above. */}
              <div
                id={`${panels.id}-cell`}
                class="gw-cell"
                role="gridcell"
                tabIndex={-1}
                aria-selected="true"
                aria-colindex={(chosen % layout.columns) + 1}
                aria-label={[headTitle(cell.layer, cell.head), ...(about?.quiet ?? [])].join(", ")}
                data-layer={cell.layer}
                data-head={cell.head}
                style={{
                  left: `${box.x}px`,
                  top: `${box.y}px`,
                  width: `${box.width}px`,
                  height: `${box.height}px`,
                }}
              />
            </div>
          )}
        </div>
      </div>
    </div>
  );
}

const SHOWN: readonly (readonly [string, string, string])[] = [
  ["entropy", "entropy", " bits"],
  ["distance", "mean distance", " tokens"],
  ["first", "on the first token", ""],
  ["previous", "on the previous token", ""],
  ["same", "on the same token", ""],
  ["induction", "induction", ""],
];

/** What is known of a head: its name, its kind, its scores, the heads it shares keys and values with. */
export function describe(panels: Panels, layer: Which, head: Which) {
  const { info, scores, kindOf } = panels.traits;
  const kind = kindOf.value.find(([one, other]) => one === layer && other === head)?.[2];
  const row = scores.value.rows?.find(([one, other]) => one === layer && other === head);
  const quiet: string[] = kind ? [kind] : [];
  for (const [name, words, unit] of SHOWN) {
    const at = scores.value.columns?.indexOf(name) ?? -1;
    const value = at < 0 ? undefined : row?.[at + 2];
    if (value !== undefined && value !== null) quiet.push(`${words} ${score(value)}${unit}`);
  }
  const { n_heads: heads = 0, n_kv_heads: shared = 0, layers, windows } = info.value;
  if (typeof head === "number" && shared > 0 && shared < heads) {
    const size = heads / shared;
    const from = Math.floor(head / size) * size;
    quiet.push(`shares keys with heads ${from}–${from + size - 1}`);
  }
  const window = typeof layer === "number" ? windows?.[layers?.indexOf(layer) ?? -1] : undefined;
  if (window) quiet.push(`sees the last ${window} tokens`);
  return { strong: nameOf(layer, head), quiet };
}

function drawCells(
  canvas: HTMLCanvasElement,
  scroller: HTMLElement,
  panels: Panels,
  layout: Layout,
  chosen: number,
): void {
  const width = scroller.clientWidth;
  const height = scroller.clientHeight;
  const context = canvas.getContext("2d");
  if (!context || width === 0 || height === 0 || layout.cells.length === 0) return;
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const theme = panels.theme.peek();
  const { lut, signed = false } = panels.palette.peek();
  const image = context.createImageData(wide, high);
  const pixels = { data: new Uint32Array(image.data.buffer), stride: wide };
  const [dx, dy] = [scroller.scrollLeft, scroller.scrollTop];
  const [from, to] = visible(layout, dy, height);
  const missing: [Which, Which][] = [];
  const empty: Rect[] = [];
  const faint: Rect[] = [];
  for (let place = from; place < to; place++) {
    const cell = layout.cells[place];
    const box = rectOf(layout, place);
    if (!cell || box.x + box.width < dx || box.x > dx + width) continue;
    const at = { ...box, x: box.x - dx, y: box.y - dy };
    missing.push([cell.layer, cell.head]);
    const thumbnail = panels.thumbs.get(cell.layer, cell.head);
    if (!cell.kept) faint.push(at);
    if (thumbnail) paint(pixels, scaled(at, ratio), thumbnail, { colors: lut, signed });
    else empty.push(at);
  }
  panels.thumbs.want(missing);

  context.setTransform(1, 0, 0, 1, 0, 0);
  context.putImageData(image, 0, 0);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = theme.line;
  for (const box of empty) {
    context.globalAlpha = 0.25;
    context.fillRect(box.x, box.y, box.width, box.height);
  }
  // The ground of masked cells: there is a picture, and here it has nothing.
  context.globalAlpha = 0.1;
  for (let place = from; place < to; place++) {
    const box = rectOf(layout, place);
    context.fillRect(box.x - dx, box.y - dy, box.width, box.height);
  }
  context.globalCompositeOperation = "source-over";
  context.fillStyle = theme.paper;
  context.globalAlpha = 0.8;
  for (const box of faint) context.fillRect(box.x, box.y, box.width, box.height);
  context.globalAlpha = 1;
  if (chosen >= from && chosen < to) {
    const box = rectOf(layout, chosen);
    context.strokeStyle = theme.accent;
    context.lineWidth = 2;
    context.strokeRect(box.x - dx - 1, box.y - dy - 1, box.width + 2, box.height + 2);
  }
  if (layout.ranked) drawCaptions(context, panels, layout, { from, to, dy, chosen });
  else drawSides(context, panels, layout, { width, height, dx, dy, chosen });
}

function scaled(box: Rect, ratio: number): Rect {
  const [x, y] = [Math.round(box.x * ratio), Math.round(box.y * ratio)];
  return {
    x,
    y,
    width: Math.round((box.x + box.width) * ratio) - x,
    height: Math.round((box.y + box.height) * ratio) - y,
  };
}

function drawCaptions(
  context: CanvasRenderingContext2D,
  panels: Panels,
  layout: Layout,
  { from, to, dy, chosen }: { from: number; to: number; dy: number; chosen: number },
): void {
  const theme = panels.theme.peek();
  const type = panels.type.peek() - 2;
  context.textBaseline = "top";
  context.textAlign = "left";
  for (let place = from; place < to; place++) {
    const cell = layout.cells[place];
    if (!cell) continue;
    const { x, y, height } = rectOf(layout, place);
    const top = y - dy + height + 4;
    context.font = `${place === chosen ? 600 : 400} ${type}px ${theme.font}`;
    context.fillStyle = place === chosen ? theme.accent : theme.ink;
    context.fillText(nameOf(cell.layer, cell.head), x, top);
    context.font = `400 ${type}px ${theme.font}`;
    context.fillStyle = theme.soft;
    context.fillText(score(cell.value), x, top + type * 1.2);
  }
}

/** The numbers along the sides, which stay while the cells scroll under them. */
function drawSides(
  context: CanvasRenderingContext2D,
  panels: Panels,
  layout: Layout,
  {
    width,
    height,
    dx,
    dy,
    chosen,
  }: { width: number; height: number; dx: number; dy: number; chosen: number },
): void {
  const theme = panels.theme.peek();
  const type = panels.type.peek() - 2;
  const { info } = panels.traits;
  const { n_heads: heads = 0, n_kv_heads: shared = 0, layers = [], windows = [] } = info.peek();
  context.clearRect(0, 0, layout.left - 2, height);
  context.clearRect(0, 0, width, layout.top - 2);
  context.textBaseline = "middle";
  const label = (text: string, x: number, y: number, active: boolean): void => {
    context.font = `${active ? 600 : 400} ${type}px ${theme.font}`;
    context.fillStyle = active ? theme.accent : theme.soft;
    context.fillText(text, x, y);
  };
  const here = layout.cells[chosen];

  context.textAlign = "right";
  const rows = Math.max(1, Math.ceil((type + 2) / layout.stepY)); // every how many rows a number has room
  for (let row = 0; row < layout.rows; row++) {
    const layer = layout.cells[row * layout.columns]?.layer;
    const y = layout.top + row * layout.stepY - dy + layout.cellHeight / 2;
    if (layer === undefined || y < layout.top || y > height) continue;
    const active = layer === here?.layer;
    if (row % rows === 0 || active) label(`${layer}`.slice(0, 4), layout.left - 8, y, active);
    if (windows[layers.indexOf(layer as number)]) {
      context.fillStyle = theme.soft;
      for (let dot = -2; dot <= 2; dot += 2) context.fillRect(layout.left - 5, y + dot * 2 - 1, 1.5, 2);
    }
  }

  context.textAlign = "center";
  const widest = context.measureText("88").width + 4;
  const every = Math.max(1, Math.ceil(widest / layout.stepX));
  const clipped = new Path2D();
  clipped.rect(layout.left - 2, 0, width, layout.top);
  context.save();
  context.clip(clipped);
  for (let column = 0; column < layout.columns; column++) {
    const head = layout.cells[column]?.head;
    const x = layout.left + column * layout.stepX - dx + layout.cellWidth / 2;
    if (head === undefined || x < layout.left - layout.cellWidth || x > width + layout.cellWidth) continue;
    const active = head === here?.head;
    if (column % every === 0 || active) label(`${head}`, x, layout.top / 2 - 2, active);
  }
  if (shared > 0 && shared < heads) {
    const group = heads / shared;
    context.fillStyle = theme.line;
    for (let first = 0; first < heads; first += group) {
      const x = layout.left + first * layout.stepX - dx;
      context.fillRect(x, layout.top - 4, group * layout.stepX - (layout.stepX - layout.cellWidth), 1.5);
    }
  }
  context.restore();
}
