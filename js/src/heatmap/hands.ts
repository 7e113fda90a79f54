// What pointer and keys do to the matrix: they move the view, choose cells, and ask what is under them.
import { batch } from "@preact/signals-core";
import { decode } from "../color";
import { listen } from "./gestures";
import { minimapOf, regionUnder } from "./minimap";
import type { Tip } from "./panels";
import type { Patches } from "./patch";
import type { Scene } from "./scene";
import { wordsOf } from "./tip";
import type { HeatContext, Hover, MatrixHandle } from "./types";
import {
  type Box,
  clamp,
  inside,
  isWhole,
  leastCells,
  limit,
  pointAt,
  type Region,
  shaped,
  showing,
  TILE,
  viewOf,
  whole,
  zoomAbout,
} from "./viewport";

export interface Hands {
  /** Looks again at what is under the pointer: the picture has changed, or a value has come. */
  look: () => void;
  /** The box that is being drawn. */
  box: () => Box | null;
  readonly moves: Pick<MatrixHandle, "reset" | "zoomBy" | "panBy">;
}

interface Stage {
  scene: () => Scene;
  readonly patches: Patches;
  /** Paint what lies over the cells. */
  soon: () => void;
}

const HINT = "Click, or hold Ctrl or ⌘, to zoom with the wheel";
const HELP = "Attention of the chosen head. Arrows move, + and - zoom, 0 shows all, Enter chooses a cell.";
const STEP = 1.5; // a key's zoom
// ms for which a hand that comes to an unknown value waits for it: a kernel nearby answers within them, and the
// cross-hair and the value are then one frame. To draw one without the other would keep the answer waiting. Where
// it takes longer, the cross-hair follows the hand without.
const HOLD = 32;

export function createHands(
  host: HTMLElement,
  glass: HTMLElement,
  { traits, cache, hover, tip, root, cutting, signal: ends }: HeatContext,
  { scene, patches, soon }: Stage,
): Hands {
  const { query, key, direction } = traits;
  let pointer: readonly [number, number] | null = null;
  let box: Box | null = null;
  let holding: ReturnType<typeof setTimeout> | undefined;
  let late = false; // what is said of the cell under the pointer lacks its value
  let before = [query.peek(), key.peek(), direction.peek()] as const; // the last click

  // Moving

  function show(region: Region): void {
    const { length, plot } = scene();
    const view = viewOf(clamp(region, length, leastCells(plot)), length);
    if (String(view) !== String(traits.view.peek())) traits.view.value = view; // else nothing is painted anew
  }

  function zoomAt(factor: number, point: readonly [number, number]): void {
    const { region, length, plot } = scene();
    show(zoomAbout(region, factor, point, length, leastCells(plot)));
  }

  /** About what is chosen, or else the middle. */
  function zoomBy(factor: number): void {
    const { row0, col0, rows, cols } = scene().region;
    zoomAt(factor, [(query.peek() ?? row0 + rows / 2) + 0.5, (key.peek() ?? col0 + cols / 2) + 0.5]);
  }

  function panBy(dx: number, dy: number): void {
    const { region } = scene();
    show({ ...region, row0: region.row0 + dy, col0: region.col0 + dx });
  }

  const reset = () => show(whole(scene().length));

  // Choosing

  /** Chooses a query, a key or both; the same once more lets them go. */
  function toggle(row: number | null, col: number | null): void {
    const again = query.peek() === row && key.peek() === col;
    query.value = again ? null : row;
    key.value = again ? null : col;
  }

  /** Chooses a cell that exists, and brings it into view. */
  function choose(row: number, col: number): void {
    const { length, causal, region } = scene();
    query.value = limit(row, 0, length - 1);
    key.value = limit(col, 0, causal ? (query.peek() as number) : length - 1);
    show(showing(region, query.peek() as number, key.peek() as number, length));
  }

  // The pointer

  function cellAt(x: number, y: number): [number, number] | undefined {
    const { length, plot, region } = scene();
    if (length === 0 || !inside(plot, x, y) || inside(minimapOf(scene()), x, y)) return undefined;
    return pointAt(x, y, region, plot).map((at) => Math.min(Math.floor(at), length - 1)) as [number, number];
  }

  /** Says what is known of the cell under the pointer, and asks for what is not; `moved`: a hand just came there. */
  function look(moved = false): void {
    const at = pointer && cellAt(...pointer);
    if (!at) {
      if (pointer) leave();
      return;
    }
    patches.want(scene().picture, ...at); // before all else: what follows takes as long as the answer
    const now = known(at);
    if (moved && now.value === undefined && !late) {
      holding ??= setTimeout(look, HOLD);
      return;
    }
    release();
    late = now.value === undefined;
    const place = under();
    batch(() => {
      hover.value = now;
      tip.value = { ...place, ...wordsOf(scene(), now) };
    });
  }

  /** Of cells that are drawn as one, the strongest. */
  function known(at: [number, number]): Hover {
    const { picture, level, palette } = scene();
    const [row, col] = (level > 0 && patches.strongest(picture, ...at, 2 ** level)) || at;
    const value = patches.value(picture, row, col);
    if (value !== undefined) return { row, col, value };
    if (level > 0) return { row, col };
    const tile = cache.get(picture, { level, row: Math.floor(row / TILE), col: Math.floor(col / TILE) });
    const code = tile?.codes[(row % TILE) * tile.cols + (col % TILE)];
    return code === undefined ? { row, col } : { row, col, near: decode(code, palette.coded, palette.vmax) };
  }

  /** The pointer's place in the root; to be read before anything is written. */
  function under(): Pick<Tip, "x" | "y"> {
    const [from, to] = [root, glass].map((element) => element.getBoundingClientRect()) as [DOMRect, DOMRect];
    const [x, y] = pointer ?? [0, 0];
    return { x: to.left - from.left + x, y: to.top - from.top + y };
  }

  function release(): void {
    clearTimeout(holding);
    holding = undefined;
    late = false;
  }

  function leave(): void {
    patches.rest();
    release();
    hover.value = null;
    tip.value = null;
  }

  listen(
    glass,
    host,
    {
      hover(x, y) {
        pointer = [x, y];
        look(true);
        host.style.cursor = inside(minimapOf(scene()), x, y)
          ? "move"
          : cellAt(x, y)
            ? "crosshair"
            : "default";
      },
      leave() {
        pointer = null;
        leave();
      },
      unclick() {
        batch(() => {
          [query.value, key.value, direction.value] = before;
        });
      },
      click(x, y) {
        before = [query.peek(), key.peek(), direction.peek()];
        const { plot, region, length, bottom } = scene();
        const mini = minimapOf(scene());
        if (mini && inside(mini, x, y)) return show(regionUnder(mini, x, y, region, length));
        const [row, col] = pointAt(x, y, region, plot).map(Math.floor) as [number, number];
        const at = cellAt(x, y);
        if (at) {
          const cell = known(at);
          toggle(cell.row, cell.col);
        } else if (x < plot.x && row >= region.row0 && y < bottom) {
          direction.value = "from"; // the label of a query: what it looks at
          toggle(row, null);
        } else if (y > bottom && col >= region.col0 && col < length) {
          direction.value = "to"; // the label of a key: who looks at it
          toggle(null, col);
        }
      },
      zoom: (factor, x, y) => zoomAt(factor, pointAt(x, y, scene().region, scene().plot)),
      drag(dx, dy, x, y, grip) {
        const { region, length, cellWidth, cellHeight } = scene();
        const mini = minimapOf(scene());
        pointer = null;
        leave();
        if (mini && inside(mini, ...grip)) show(regionUnder(mini, x, y, region, length));
        else panBy(-dx / cellWidth, -dy / cellHeight);
      },
      boxes: (x, y) => cutting?.on() === true && cellAt(x, y) !== undefined,
      box(from, to, done, shift) {
        const { plot, region, length, right, bottom } = scene();
        const x = [from[0], to[0]].map((at) => limit(at, plot.x, right));
        const y = [from[1], to[1]].map((at) => limit(at, plot.y, bottom));
        const [left, top] = [Math.min(...x), Math.min(...y)];
        const [width, height] = [Math.max(...x) - left, Math.max(...y) - top];
        box = done ? null : { x: left, y: top, width, height };
        pointer = null;
        leave();
        soon();
        if (!done || width < 4 || height < 4) return;
        const [row0, col0] = pointAt(left, top, region, plot);
        const [row1, col1] = pointAt(left + width, top + height, region, plot);
        const drawn = { row0, col0, rows: row1 - row0, cols: col1 - col0 };
        if (shift || !cutting?.on()) show(shaped(drawn, length, leastCells(plot)));
        else cutting.box(drawn);
      },
      hint() {
        tip.value = { ...under(), strong: HINT, quiet: [] };
      },
      zoomed: () => !isWhole(scene().region, scene().length),
    },
    ends,
  );

  ends.addEventListener("abort", release);

  // Keys

  const arrow = (down: number, right: number, shift: boolean) => {
    const { region } = scene();
    const [row, col] = [query.peek(), key.peek()];
    if (shift || (row === null && col === null)) panBy((right * region.cols) / 10, (down * region.rows) / 10);
    else choose((row ?? scene().length - 1) + down, (col ?? row ?? 0) + right);
  };

  const keys: Readonly<Record<string, (shift: boolean) => void>> = {
    ArrowLeft: (shift) => arrow(0, -1, shift),
    ArrowRight: (shift) => arrow(0, 1, shift),
    ArrowUp: (shift) => arrow(-1, 0, shift),
    ArrowDown: (shift) => arrow(1, 0, shift),
    "+": () => zoomBy(STEP),
    "=": () => zoomBy(STEP),
    "-": () => zoomBy(1 / STEP),
    "0": reset,
    Home: () => jump(0),
    End: () => jump(scene().length),
    PageUp: () => panBy(0, -scene().region.rows),
    PageDown: () => panBy(0, scene().region.rows),
    Enter: () => {
      const { row0, col0, rows, cols } = scene().region;
      choose(Math.floor(row0 + rows / 2), Math.floor(col0 + cols / 3));
    },
    Escape: () => toggle(query.peek(), key.peek()),
  };

  /** To the first or last key of the chosen query, or to that corner of the head. */
  function jump(to: number): void {
    const row = query.peek();
    if (row === null) show({ ...scene().region, row0: to, col0: to });
    else choose(row, to);
  }

  host.addEventListener(
    "keydown",
    (event) => {
      const press = keys[event.key];
      const idle = event.key === "Escape" && query.peek() === null && key.peek() === null; // the page's own
      if (!press || idle || event.target !== host || event.ctrlKey || event.metaKey || event.altKey) return;
      if (scene().length === 0) return;
      press(event.shiftKey);
      event.preventDefault();
      event.stopPropagation();
    },
    { signal: ends },
  );
  host.style.position ||= "relative";
  host.tabIndex = 0;
  host.setAttribute("role", "application");
  host.setAttribute("aria-label", HELP);

  return { look, box: () => box, moves: { reset, zoomBy, panBy } };
}
