// The seam between the matrix and the panels around it.
import type { ReadonlySignal, Signal } from "@preact/signals-core";
import type { Palette } from "../color";
import type { HeatTraits } from "../model";
import type { Theme } from "../theme";
import type { Wire } from "../wire";
import type { TileCache } from "./cache";
import type { Tip } from "./panels";
import type { Region } from "./viewport";

/** The cell under the pointer. */
export interface Hover {
  readonly row: number;
  readonly col: number;
  /** The exact weight; NaN for a cell that does not exist; absent until it is known. */
  readonly value?: number;
  /** The weight read from the coded picture (about 2 %), shown with ≈ until the exact one is there. */
  readonly near?: number;
}

export interface HeatContext {
  readonly traits: HeatTraits;
  readonly wire: Wire;
  readonly cache: TileCache;
  readonly hover: Signal<Hover | null>;
  readonly palette: ReadonlySignal<Palette>;
  readonly theme: ReadonlySignal<Theme>;
  /** What floats beside the pointer; its place is counted from the corner of `root`. */
  readonly tip: Signal<Tip | null>;
  readonly root: HTMLElement;
  /** Where it is there, and on: a box that is drawn on the picture is not zoomed to, but given to it. */
  readonly cutting?: { on: () => boolean; box: (region: Region) => void } | undefined;
  /** Ends the view: every listener goes with it. */
  readonly signal: AbortSignal;
}

export interface MatrixHandle {
  /** Whether some of what is shown was seen through a few queries only. */
  readonly sampled: ReadonlySignal<boolean>;
  /** The whole head. */
  reset(): void;
  /** Above 1: closer, about the middle of the picture. */
  zoomBy(factor: number): void;
  /** In cells: to the right and down. */
  panBy(dx: number, dy: number): void;
  focus(): void;
  /** Draws the picture with its axes into a box of width × height, at (0, 0) of the context; for export. */
  draw(context: CanvasRenderingContext2D, width: number, height: number): void;
}
