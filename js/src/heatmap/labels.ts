// The width of words: measured once each, cut where they do not fit, and the room that the axes need.
import type { TokenColumns } from "../model";
import { spelled, visible } from "../tokens";
import { LARGEST_CELL } from "./viewport";

/** CSS pixels around the plot. */
export interface Room {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  /** Of a label. */
  readonly longest: number;
  /** Whether there is room for the keys' labels only across their columns, not up beside them. */
  readonly level: boolean;
}

/** What a view has measured; it is the view's own, and ends with it. */
export interface Measure {
  /** CSS pixels. */
  width: (text: string, font: string) => number;
  /** The text, or its beginning with "…", at most so many pixels wide. */
  fit: (text: string, font: string, most: number) => string;
}

/** A token's label needs a cell of so many CSS pixels, with letters of 11. */
export const READABLE = 9;
const REMEMBERED = 20_000;

export function createMeasure(): Measure {
  const context = document.createElement("canvas").getContext("2d");
  const widths = new Map<string, number>();
  const fits = new Map<string, string>();

  const width = (text: string, font: string): number => {
    const name = `${font}|${text}`;
    const known = widths.get(name);
    if (known !== undefined) return known;
    if (context) context.font = font;
    const measured = context ? context.measureText(text).width : text.length * 6;
    if (widths.size > REMEMBERED) widths.clear();
    widths.set(name, measured);
    return measured;
  };

  const fit = (text: string, font: string, most: number): string => {
    if (width(text, font) <= most) return text;
    const name = `${font}|${Math.round(most)}|${text}`;
    const known = fits.get(name);
    if (known !== undefined) return known;
    const signs = [...text];
    let low = 1;
    let high = signs.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (width(`${signs.slice(0, middle).join("")}…`, font) <= most) low = middle;
      else high = middle - 1;
    }
    const cut = `${signs.slice(0, low).join("")}…`;
    if (fits.size > REMEMBERED) fits.clear();
    fits.set(name, cut);
    return cut;
  };

  return { width, fit };
}

/**
 * The room for the axes of a text. It does not change while one zooms and pans, so that the picture
 * stands still: where a text is long, a ruler's figures and a token's label share the same room.
 */
export function roomFor(
  tokens: TokenColumns,
  length: number,
  { type, font, width, height }: { type: number; font: string; width: number; height: number },
  measure: Measure,
): Room {
  const most = type * 9; // the longest label, about 18 letters
  const readable = width / length >= (READABLE * type) / 11; // with the whole head in view
  const labels = readable
    ? Array.from(tokens.pieces ?? [], (_, token) =>
        measure.width(visible(spelled(tokens, token) ?? ""), font),
      )
    : [type * 4.5];
  const longest = Math.min(Math.max(type * 2, ...labels), most);
  const left = Math.min(Math.max(longest, measure.width("query ↓", font)) + 14, width * 0.4);
  const level = Math.min((width - left - 12) / length, LARGEST_CELL) >= longest + 8;
  const beside = Math.min(longest, height * 0.3);
  return { left, right: 12, top: type + 16, bottom: (level ? type : beside) + 18, longest, level };
}
