// One head, large: a canvas of cells, and one over it for what comes and goes.
//
// It paints in animation frames only, and only when something has changed. What it shows is the `view`
// trait, so that Python and other views of the widget see the same. On the host stand, for tests:
// data-painted (paintings so far), data-tiles-pending (tiles that are still missing), and after each
// painting a "gw-drawn" event with {ms: since the change that caused it, paint: the painting alone}.
import { effect, signal, untracked } from "@preact/signals-core";
import { paintAxes } from "./axes";
import { newest } from "./following";
import { createHands } from "./hands";
import { createMeasure } from "./labels";
import { minimapOf, paintMinimap, tileOf } from "./minimap";
import { paintBox, paintCrosshair, paintSelection } from "./overlay";
import { paintCells, paintNumbers, showsNumbers } from "./paint";
import { createPatches } from "./patch";
import type { Canvas2D } from "./pen";
import { type Scene, type Size, sceneOf } from "./scene";
import type { HeatContext, MatrixHandle } from "./types";
import { tilesOf } from "./viewport";

/** Shows the chosen head in `host`, which must have a size of its own, until the context's signal aborts. */
export function mountMatrix(host: HTMLElement, context: HeatContext): MatrixHandle {
  const { traits, cache, hover, palette, theme, signal: ends } = context;
  const cells = addCanvas(host);
  const glass = addCanvas(host);
  const sampled = signal(false);
  const size = signal<Size>({ width: 0, height: 0, ratio: 1 });
  const measure = createMeasure();
  const patches = createPatches(context.wire, ends, () => {
    hands.look();
    if (showsNumbers(scene)) changed();
    else soon();
  });
  const compose = (of: Size) => sceneOf(traits, palette.value, theme.value, of, measure);
  const me = {}; // this view, to the cache
  let scene = compose(size.peek());
  let cellsDirty = false;
  let since = 0;
  let frame = 0;
  let painted = 0;

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
      wantTiles();
      if (!late()) {
        const on = cleared(cells, scene.ratio);
        sampled.value = !paintPicture(on, scene);
        paintMinimap(on, scene, cache);
      }
      host.dataset["tilesPending"] = String(cache.missing(me));
    }
    paintGlass(cleared(glass, scene.ratio));
    painted += 1;
    host.dataset["painted"] = String(painted);
    const now = performance.now();
    host.dispatchEvent(new CustomEvent("gw-drawn", { detail: { ms: now - since, paint: now - began } }));
  }

  /** A stage of which nothing is there yet, and no thumbnail to stand in for it: what was painted stays. */
  function late(): boolean {
    const waits = scene.stage !== "softmax" && cache.vmax(scene.picture) === undefined;
    return waits && painted > 0 && cache.trouble.peek() === null;
  }

  function wantTiles(): void {
    const { region, level, length, causal, picture } = scene;
    const map = minimapOf(scene) ? [tileOf(scene)] : [];
    cache.want(me, picture, length > 0 ? [...tilesOf(region, level, length, causal), ...map] : []);
  }

  /** False where some of it is from sampled queries. */
  function paintPicture(on: Canvas2D, of: Scene): boolean {
    if (of.length === 0) return true;
    const exact = paintCells(on, of, cache);
    if (showsNumbers(of)) {
      wantNumbers(of);
      paintNumbers(on, of, patches);
    }
    paintAxes(on, of);
    return exact;
  }

  function paintGlass(on: Canvas2D): void {
    if (scene.length === 0) return;
    paintSelection(on, scene, traits.query.peek() ?? newest(traits), traits.key.peek());
    const box = hands.box();
    const at = hover.peek();
    if (box) paintBox(on, scene, box);
    else if (at) paintCrosshair(on, scene, at);
  }

  /** The first of the patches in view that is not there; the next follows when it has come. */
  function wantNumbers({ region, picture, length }: Scene): void {
    for (const [row, col] of [
      [region.row0, region.col0],
      [region.row0 + region.rows - 1, region.col0],
      [region.row0, region.col0 + region.cols - 1],
      [region.row0 + region.rows - 1, region.col0 + region.cols - 1],
    ] as const) {
      const cell = [Math.min(Math.round(row), length - 1), Math.min(Math.round(col), length - 1)] as const;
      if (patches.value(picture, ...cell) !== undefined) continue;
      patches.want(picture, ...cell);
      return;
    }
  }

  const hands = createHands(host, glass, context, { scene: () => scene, patches, soon });

  const stops = [
    effect(() => {
      scene = compose(size.value);
      void traits.status.value;
      untracked(wantTiles); // before the next frame: the kernel can begin meanwhile
      changed();
      hands.look();
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

  const observer = new ResizeObserver(([entry]) => {
    const { width, height } = (entry as ResizeObserverEntry).contentRect;
    const ratio = devicePixelRatio;
    for (const canvas of [cells, glass]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      // Whole device pixels: a canvas that is stretched by a part of one is blurred.
      canvas.style.width = `${canvas.width / ratio}px`;
      canvas.style.height = `${canvas.height / ratio}px`;
    }
    size.value = { width, height, ratio };
    paint(); // now: a canvas that has a new size is empty
  });
  observer.observe(host);

  ends.addEventListener("abort", () => {
    for (const stop of stops) stop();
    observer.disconnect();
    cancelAnimationFrame(frame);
    cache.release(me);
    cells.remove();
    glass.remove();
  });

  return {
    ...hands.moves,
    sampled,
    focus: () => host.focus({ preventScroll: true }),
    draw(on, width, height) {
      const of = compose({ width, height, ratio: on.getTransform().a });
      on.save();
      paintPicture(on, of);
      paintSelection(on, of, traits.query.peek(), traits.key.peek());
      on.restore();
    },
  };
}

function addCanvas(host: HTMLElement): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.style.cssText = "position:absolute;top:0;left:0";
  canvas.setAttribute("aria-hidden", "true");
  host.append(canvas);
  return canvas;
}

/** The canvas's context, empty and in CSS pixels. */
function cleared(canvas: HTMLCanvasElement, ratio: number): Canvas2D {
  const on = canvas.getContext("2d") as Canvas2D;
  on.setTransform(1, 0, 0, 1, 0, 0);
  on.clearRect(0, 0, canvas.width, canvas.height);
  on.setTransform(ratio, 0, 0, ratio, 0, 0);
  return on;
}
