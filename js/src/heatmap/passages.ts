// The running text as passages: stretches of tokens that are drawn token by token only while they are near the
// window. Far ones are one plain text node each, of the same characters, so that lines break in the same places
// and 32,768 tokens cost a few hundred elements. Pure functions; Text.tsx shows what they say.

import { luminance } from "../color";
import { visible } from "../tokens";

export type Passage = [from: number, to: number];

const SPACED = /^\s/u;
const LETTER = /\p{L}/u;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/u;

/** Tokens a passage. */
export const PASSAGE = 192;

/** Cuts `pieces` into passages of about `size` tokens, after a line's end or before a word where there is one. */
export function passages(
  pieces: readonly string[],
  groups: readonly number[] | null = null,
  size = PASSAGE,
): Passage[] {
  const cuts: Passage[] = [];
  let from = 0;
  while (from < pieces.length) {
    let to = Math.min(pieces.length, from + size);
    if (to < pieces.length) to = boundary(pieces, groups, from + Math.ceil(size / 2), to);
    cuts.push([from, to]);
    from = to;
  }
  return cuts;
}

/** The best place to cut in least..most: a line's end, a word's beginning, at least not inside a character. */
function boundary(
  pieces: readonly string[],
  groups: readonly number[] | null,
  least: number,
  most: number,
): number {
  for (let at = most; at > least; at--) if (pieces[at - 1]?.endsWith("\n")) return at;
  for (let at = most; at > least; at--) if (SPACED.test(pieces[at] ?? "")) return at;
  let at = most;
  while (groups && at < pieces.length && groups[at] === groups[at - 1]) at += 1;
  return at;
}

/** The passage that holds a token. */
export function passageOf(cuts: readonly Passage[], token: number): number {
  let low = 0;
  let high = cuts.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cuts[middle]?.[1] ?? 0) <= token) low = middle + 1;
    else high = middle;
  }
  return low;
}

const DOTTED = /^◌(?=\p{M})/u;

/** What stands in the running text for a piece: spaces are spaces and lines end; the rest as in `visible`. */
export const written = (piece: string): string =>
  piece
    .split("\n")
    .map((line) => line.split(" ").map(inked).join(" "))
    .join("⏎\n");

/** A mark at a piece's beginning joins the letter before it, as it does in the text. */
const inked = (word: string): string => visible(word).replace(DOTTED, "");

/** Which way the whole text runs: the way of its first strong letter, as browsers decide it. */
export function textDirection(pieces: readonly string[]): "ltr" | "rtl" {
  for (const piece of pieces) {
    const strong = LETTER.exec(piece)?.[0];
    if (strong !== undefined) {
      return RIGHT_TO_LEFT.test(strong) ? "rtl" : "ltr";
    }
  }
  return "ltr";
}

/** Where a key leads the token under the keys; undefined for a key that is not the text's. */
export function moveToken(
  token: number,
  { key, length, rtl = false }: { key: string; length: number; rtl?: boolean },
): number | undefined {
  const by: Record<string, number> = {
    ArrowRight: rtl ? -1 : 1,
    ArrowLeft: rtl ? 1 : -1,
    PageDown: 50,
    PageUp: -50,
    Home: -Infinity,
    End: Infinity,
  };
  const step = by[key];
  return step === undefined ? undefined : Math.max(0, Math.min(length - 1, token + step));
}

export type Rgb = readonly [number, number, number];

export interface Tint {
  background: string;
  /** The letters' colour; "" leaves the theme's own. */
  color: string;
}

/** Where black and white letters have the same contrast: (L + 0.05)² = 1.05 · 0.05. */
const EVEN = 0.179;

/** The ground on which a weight stands: the accent, as strong as `share` (0 to 1, after the scale), over the
 * page's ground, and black or white letters, whichever is the more readable on it (WCAG 2.2, relative luminance).
 */
export function tint(share: number, accent: Rgb, ground: Rgb): Tint {
  const alpha = Math.max(0, Math.min(1, share));
  if (alpha < 0.02) return { background: "", color: "" };
  const mix = (k: 0 | 1 | 2): number => Math.round(alpha * accent[k] + (1 - alpha) * ground[k]);
  const mixed: Rgb = [mix(0), mix(1), mix(2)];
  const color = luminance(mixed) > EVEN ? "#000" : "#fff";
  return { background: `rgb(${mixed.join(" ")})`, color };
}
