// The running text as passages: stretches of tokens that are drawn token by token only while they are near the
// window. Far ones are one plain text node each, of the same characters, so that lines break in the same places
// and 32,768 tokens cost a few hundred elements. Pure functions; Text.tsx shows what they say.

import { luminance } from "../color";

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

const CONTROL = /(?![\t\n])\p{Cc}/gu;
const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** What stands in the running text for a piece: its own characters, a line's end made visible before it breaks,
 * controls as their pictures, and marks that would turn the rest of the text around as their code.
 */
export function written(piece: string): string {
  return piece
    .replace(/\r\n?/gu, "\n")
    .replace(CONTROL, picture)
    .replace(BIDI, hex)
    .replace(/\n/gu, "⏎\n")
    .replace(/\t/gu, "⇥\t");
}

const hex = (sign: string): string => `⟨${sign.charCodeAt(0).toString(16).toUpperCase()}⟩`;

function picture(sign: string): string {
  const code = sign.charCodeAt(0);
  if (code === 0x7f) return "␡";
  return code < 0x20 ? String.fromCharCode(0x24_00 + code) : hex(sign);
}

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

/** The ground on which a weight stands: the accent, as strong as `share` (0 to 1, after the scale), over the
 * page's ground, and black or white letters, whichever is the more readable on it (WCAG 2.2, relative luminance).
 */
export function tint(share: number, accent: Rgb, ground: Rgb): Tint {
  const alpha = Math.max(0, Math.min(1, share));
  if (alpha < 0.02) return { background: "", color: "" };
  const mix = (k: 0 | 1 | 2): number => Math.round(alpha * accent[k] + (1 - alpha) * ground[k]);
  const mixed: Rgb = [mix(0), mix(1), mix(2)];
  const color = contrast(mixed, [0, 0, 0]) >= contrast(mixed, [255, 255, 255]) ? "#000" : "#fff";
  return { background: `rgb(${mixed.join(" ")})`, color };
}

/** Contrast ratio, 1 to 21: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
export function contrast(one: Rgb, other: Rgb): number {
  const [first, second] = [luminance(one), luminance(other)];
  return (Math.max(first, second) + 0.05) / (Math.min(first, second) + 0.05);
}
