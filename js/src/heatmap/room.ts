// How much room the overview gets beside the chosen head or, where the widget is narrow, above it.
import { arrange, LARGEST, lay } from "./layout";

/** All in CSS pixels. */
export interface Room {
  /** Its width beside the head. */
  readonly wide: number;
  /** Its height above it. */
  readonly deep: number;
  /** Whether both stand side by side in a narrow widget, too. */
  readonly beside: boolean;
}

const SHARE = 0.42; // of the width that the overview may take
const DEPTH = 0.75; // of the head's height that it may take above it
const AROUND = 60; // its own header and footer
const EDGE = 14;
const HEAD = 464; // what a head beside a small overview needs, its gap included

/**
 * What the cells need, whatever their present order. A few cells cannot grow without end: for them no room is kept
 * that would stay empty.
 *
 * @param size the widget's width, the head's height and the size of the letters.
 */
export function roomOf(
  layers: readonly number[],
  heads: number,
  aggregates: boolean,
  { width, height, type }: { width: number; height: number; type: number },
): Room {
  const all = arrange(layers, heads, { aggregates });
  const { width: wide, cellWidth, cellHeight } = lay(all, SHARE * width, height - AROUND, type);
  const above = lay(all, width, DEPTH * height - AROUND, type).height + AROUND + EDGE;
  return {
    wide: wide + EDGE,
    deep: heads > 0 ? Math.min(DEPTH * height, above) : DEPTH * height,
    beside: heads > 0 && Math.min(cellWidth, cellHeight) === LARGEST && wide + EDGE + HEAD <= width,
  };
}
