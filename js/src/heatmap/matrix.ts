// One head, large: a canvas of cells, one for what comes and goes, and what hands and keys do to them.
//
// It paints in animation frames only, and only when something has changed. What it shows is the `view`
// trait, so that Python and other views of the widget see the same. On the host stand, for tests:
// data-painted (paintings so far), data-tiles-pending (tiles that are still missing), and after each
// painting a "gw-drawn" event with {ms: from the event that caused it, paint: the painting alone}.
import { effect, signal } from "@preact/signals-core";
import { decode } from "../color";
import { watchTheme } from "../theme";
import { paintAxes } from "./axes";
import { listen } from "./gestures";
import { createMeasure } from "./labels";
import { inside, minimapOf, paintMinimap, regionUnder } from "./minimap";
import { type Overlay, paintOverlay, paintSelection } from "./overlay";
import { type Canvas2D, paintCells, paintNotes, paintNumbers, showsNumbers } from "./paint";
import { PATCH, PatchCache } from "./patch";
import { type Scene, type Size, sceneOf } from "./scene";
import type { HeatContext, Hover, MatrixHandle } from "./types";
import {
  type Box,
  clamp,
  isWhole,
  leastCells,
  panned,
  pointAt,
  type Region,
  shaped,
  showing,
  TILE,
  tilesOf,
  viewOf,
  whole,
  zoomAbout,
} from "./viewport";

const HINT = "Click the picture, or hold Ctrl or ⌘, to zoom with the wheel";
const HINT_TIME = 1800; // ms
const STEP = 1.5; // a key's zoom

/** Shows the chosen head in `host`, which must have a size of its own, until the context's signal aborts. */
export function mountMatrix(host: HTMLElement, context: HeatContext): MatrixHandle {
  const { traits, cache, hover, palette, signal: ends } = context;
  const cells = addCanvas(host);
  const glass = addCanvas(host);
  const size = signal<Size>({ width: 0, height: 0, ratio: 1 });
  const theme = watchTheme(host, ends);
  const measure = createMeasure();
  const patches = new PatchCache(context.wire, ends, () => {
    updateHover();
    changed();
  });
  const me = {}; // this view, to the cache

  let scene = compose(size.peek());
  let pointer: readonly [number, number] | null = null;
  let box: Box | null = null;
  let hint = "";
  let hintTimer: ReturnType<typeof setTimeout> | undefined;
  let gripsMinimap = false;

  // Painting

  let cellsDirty = false;
  let since = 0; // when the first change of the coming frame was
  let frame = 0;
  let painted = 0;

  function compose(of: Size): Scene {
    return sceneOf(traits, palette.value, theme.value, of, measure);
  }

  function soon(): void {
    if (frame || ends.aborted) return;
    since = performance.now();
    frame = requestAnimationFrame(paint);
  }

  /** The cells must be painted again, not only what lies over them. */
  function changed(): void {
    cellsDirty = true;
    soon();
  }

  function paint(): void {
    cancelAnimationFrame(frame);
    frame = 0;
    if (scene.width === 0) return;
    const began = performance.now();
    if (cellsDirty) {
      cellsDirty = false;
      cache.want(me, scene.picture, spots());
      if (showsNumbers(scene)) wantNumbers();
      const on = cleared(cells, scene);
      paintPicture(on, scene);
      paintMinimap(on, scene, cache);
      host.dataset["tilesPending"] = String(cache.missing(me));
    }
    if (scene.length > 0) paintOverlay(cleared(glass, scene), scene, overlay());
    painted += 1;
    host.dataset["painted"] = String(painted);
    const now = performance.now();
    host.dispatchEvent(new CustomEvent("gw-drawn", { detail: { ms: now - since, paint: now - began } }));
  }

  function paintPicture(on: Canvas2D, of: Scene): void {
    if (of.length === 0) return;
    paintCells(on, of, cache);
    if (showsNumbers(of)) paintNumbers(on, of, patches);
    if (!minimapOf(of)) paintNotes(on, of);
    paintAxes(on, of);
  }

  function spots() {
    const { region, level, length, causal } = scene;
    return length > 0 ? tilesOf(region, level, length, causal) : [];
  }

  /** The first of the patches in view that is not there; the next follows when it has come. */
  function wantNumbers(): void {
    const { region, picture, length } = scene;
    for (let row = region.row0 - (region.row0 % PATCH); row < region.row0 + region.rows; row += PATCH) {
      for (let col = region.col0 - (region.col0 % PATCH); col < region.col0 + region.cols; col += PATCH) {
        const known = patches.value(picture, Math.min(row, length - 1), Math.min(col, length - 1));
        if (known !== undefined) continue;
        patches.want(picture, Math.floor(row), Math.floor(col));
        return;
      }
    }
  }

  const overlay = (): Overlay => ({
    hover: hover.peek(),
    pointer: pointer && !box ? pointer : null,
    query: traits.query.peek(),
    key: traits.key.peek(),
    box,
    hint,
  });

  // Moving

  const least = () => leastCells(scene.plot);

  function show(region: Region): void {
    traits.view.value = viewOf(clamp(region, scene.length, least()), scene.length);
  }

  function zoom(factor: number, x: number, y: number): void {
    const { region, plot, length } = scene;
    show(zoomAbout(region, factor, pointAt(x, y, region, plot), length, least()));
  }

  function zoomMiddle(factor: number): void {
    const { plot, region } = scene;
    const { query, key } = traits;
    const row = query.peek() ?? region.row0 + region.rows / 2;
    const col = key.peek() ?? region.col0 + region.cols / 2;
    if (query.peek() === null && key.peek() === null)
      zoom(factor, plot.x + plot.width / 2, plot.y + plot.height / 2);
    else show(zoomAbout(region, factor, [row + 0.5, col + 0.5], scene.length, least()));
  }

  function panBy(dx: number, dy: number): void {
    show(panned(scene.region, dy, dx, scene.length));
  }

  /** Chooses a cell, and brings it into view. */
  function choose(row: number, col: number): void {
    const last = scene.length - 1;
    const query = Math.min(Math.max(row, 0), last);
    traits.query.value = query;
    traits.key.value = Math.min(Math.max(col, 0), scene.causal ? query : last);
    show(showing(scene.region, query, traits.key.value, scene.length));
  }

  // The pointer

  function cellAt(x: number, y: number): [number, number] | null {
    if (scene.length === 0 || !inside(scene.plot, x, y) || inside(minimapOf(scene), x, y)) return null;
    const [row, col] = pointAt(x, y, scene.region, scene.plot);
    const last = scene.length - 1;
    return [Math.min(Math.floor(row), last), Math.min(Math.floor(col), last)];
  }

  /** The cell under the pointer and what is known of it; of cells that are drawn as one, the strongest. */
  function updateHover(): void {
    if (!pointer) return;
    const at = cellAt(...pointer);
    if (!at) {
      if (hover.peek()) hover.value = null;
      patches.rest();
      return;
    }
    const { picture, level } = scene;
    patches.want(picture, ...at);
    const [row, col] = (level > 0 && patches.strongest(picture, ...at, 2 ** level)) || at;
    const value = patches.value(picture, row, col);
    const near = value === undefined && level === 0 ? nearValue(row, col) : undefined;
    const now: Hover = {
      row,
      col,
      ...(value !== undefined && { value }),
      ...(near !== undefined && { near }),
    };
    hover.value = now;
  }

  function nearValue(row: number, col: number): number | undefined {
    const tile = cache.get(scene.picture, {
      level: 0,
      row: Math.floor(row / TILE),
      col: Math.floor(col / TILE),
    });
    const code = tile?.codes[(row % TILE) * tile.cols + (col % TILE)];
    return code === undefined ? undefined : decode(code, scene.palette.signed, scene.palette.vmax);
  }

  listen(
    glass,
    host,
    {
      hover(x, y) {
        pointer = [x, y];
        updateHover();
        host.style.cursor = inside(minimapOf(scene), x, y) ? "move" : cellAt(x, y) ? "crosshair" : "default";
        soon();
      },
      leave() {
        pointer = null;
        patches.rest();
        hover.value = null;
        soon();
      },
      click(x, y) {
        const { plot, region, length } = scene;
        const mini = minimapOf(scene);
        if (mini && inside(mini, x, y)) return show(regionUnder(mini, x, y, region, length));
        const cell = cellAt(x, y);
        const [row, col] = pointAt(x, y, region, plot).map(Math.floor) as [number, number];
        if (cell) {
          const { row: query, col: key } = hover.peek() ?? { row: cell[0], col: cell[1] };
          const again = traits.query.peek() === query && traits.key.peek() === key;
          traits.query.value = again ? null : query;
          traits.key.value = again ? null : key;
        } else if (x < plot.x && row >= 0 && row < length && y >= plot.y && y < plot.y + plot.height) {
          toggle(row, null, "from");
        } else if (
          y > plot.y + plot.height &&
          col >= 0 &&
          col < length &&
          x >= plot.x &&
          x < plot.x + plot.width
        ) {
          toggle(null, col, "to");
        }
      },
      zoom,
      drag(dx, dy, x, y, grip) {
        const { region, plot, length } = scene;
        const mini = minimapOf(scene);
        gripsMinimap = mini !== undefined && inside(mini, ...grip);
        pointer = null;
        if (hover.peek()) hover.value = null;
        if (mini && gripsMinimap) return show(regionUnder(mini, x, y, region, length));
        panBy((-dx * region.cols) / plot.width, (-dy * region.rows) / plot.height);
      },
      box(x0, y0, x1, y1, done) {
        const { plot, region, length } = scene;
        const limit = (at: number, from: number, count: number) => Math.min(Math.max(at, from), from + count);
        const [left, right] = [x0, x1].map((x) => limit(x, plot.x, plot.width)).sort((a, b) => a - b) as [
          number,
          number,
        ];
        const [top, bottom] = [y0, y1].map((y) => limit(y, plot.y, plot.height)).sort((a, b) => a - b) as [
          number,
          number,
        ];
        box = done ? null : { x: left, y: top, width: right - left, height: bottom - top };
        pointer = null;
        soon();
        if (!done || right - left < 4 || bottom - top < 4) return;
        const [row0, col0] = pointAt(left, top, region, plot);
        const [row1, col1] = pointAt(right, bottom, region, plot);
        show(shaped({ row0, col0, rows: row1 - row0, cols: col1 - col0 }, length, least()));
      },
      cancelBox() {
        box = null;
        soon();
      },
      hint() {
        hint = HINT;
        clearTimeout(hintTimer);
        hintTimer = setTimeout(() => {
          hint = "";
          soon();
        }, HINT_TIME);
        soon();
      },
      zoomed: () => !isWhole(scene.region, scene.length),
    },
    ends,
  );

  /** A token at the edge: what it looks at, or who looks at it; once more lets it go. */
  function toggle(query: number | null, key: number | null, direction: "from" | "to"): void {
    const again = traits.query.peek() === query && traits.key.peek() === key;
    traits.direction.value = direction;
    traits.query.value = again ? null : query;
    traits.key.value = again ? null : key;
  }

  // Keys

  host.addEventListener(
    "keydown",
    (event) => {
      if (event.target !== host || event.ctrlKey || event.metaKey || event.altKey || scene.length === 0)
        return;
      if (!press(event.key, event.shiftKey)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal: ends },
  );

  const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
  };

  /** True if the key means something here. */
  function press(name: string, shift: boolean): boolean {
    const { region, length } = scene;
    const query = traits.query.peek();
    const key = traits.key.peek();
    const arrow = ARROWS[name];
    if (arrow) {
      const [down, right] = arrow;
      if (shift || (query === null && key === null))
        panBy((right * region.cols) / 10, (down * region.rows) / 10);
      else choose((query ?? length - 1) + down, (key ?? query ?? 0) + right);
      return true;
    }
    const actions: Readonly<Record<string, () => void>> = {
      "+": () => zoomMiddle(STEP),
      "=": () => zoomMiddle(STEP),
      "-": () => zoomMiddle(1 / STEP),
      "0": reset,
      Home: () => (query === null ? panBy(-length, -length) : choose(query, 0)),
      End: () => (query === null ? panBy(length, length) : choose(query, length - 1)),
      PageUp: () => panBy(0, -region.rows),
      PageDown: () => panBy(0, region.rows),
      Enter: () =>
        choose(Math.floor(region.row0 + region.rows / 2), Math.floor(region.col0 + region.cols / 3)),
      Escape: () => {
        traits.query.value = null;
        traits.key.value = null;
      },
    };
    const action = actions[name];
    if (name === "Escape" && query === null && key === null) return false; // the page's own
    action?.();
    return action !== undefined;
  }

  function reset(): void {
    show(whole(scene.length));
  }

  // What the picture depends on

  const stops = [
    effect(() => {
      scene = compose(size.value);
      void traits.status.value;
      changed();
      updateHover();
    }),
    effect(() => {
      void cache.version.value;
      changed();
    }),
    effect(() => {
      void [hover.value, traits.query.value, traits.key.value];
      soon();
    }),
  ];

  const observer = new ResizeObserver((entries) => {
    const { width, height } = (entries.at(-1) as ResizeObserverEntry).contentRect;
    size.value = { width, height, ratio: devicePixelRatio };
    for (const canvas of [cells, glass]) {
      canvas.width = Math.round(width * devicePixelRatio);
      canvas.height = Math.round(height * devicePixelRatio);
    }
    changed();
    paint(); // now: a canvas that has a new size is empty
  });
  observer.observe(host);

  host.style.position ||= "relative";
  if (!host.hasAttribute("tabindex")) host.tabIndex = 0;
  ends.addEventListener(
    "abort",
    () => {
      for (const stop of stops) stop();
      observer.disconnect();
      cancelAnimationFrame(frame);
      clearTimeout(hintTimer);
      cache.release(me);
      cells.remove();
      glass.remove();
    },
    { once: true },
  );

  return {
    reset,
    zoomBy: zoomMiddle,
    panBy,
    focus: () => host.focus({ preventScroll: true }),
    draw(on, width, height) {
      const of = sceneOf(
        traits,
        palette.peek(),
        theme.peek(),
        { width, height, ratio: on.getTransform().a },
        measure,
      );
      on.save();
      paintPicture(on, of);
      paintSelection(on, of, traits.query.peek(), traits.key.peek());
      on.restore();
    },
  };
}

function addCanvas(host: HTMLElement): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.style.cssText = "position:absolute;inset:0;width:100%;height:100%;display:block";
  canvas.setAttribute("aria-hidden", "true");
  host.append(canvas);
  return canvas;
}

/** The canvas's context, empty and in CSS pixels. */
function cleared(canvas: HTMLCanvasElement, { ratio }: Scene): Canvas2D {
  const context = canvas.getContext("2d") as Canvas2D;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
