// A token as a label or a tooltip shows it: the same signs as gptwidgets/kernel/readable.py.
import type { TokenColumns } from "./model";

// What has no ink, except inside the ⟨E2 80⟩ and ⟨id 49200⟩ that the kernel writes.
const HIDDEN =
  /⟨(?:[0-9A-F]{2}(?: [0-9A-F]{2})*|id -?\d+)⟩|[\p{C}\p{Z}\uFFF9-\uFFFB\u115F\u1160\u3164\uFFA0\u2800]/gu;
const PLAIN = /^[0-9A-Za-z]+$/u;
const MARK = /^\p{M}/u;
const BLANK = /\s/u;
const NAMES =
  "a0 NBSP ad SHY 61c ALM 200b ZWSP 200c ZWNJ 200d ZWJ 200e LRM 200f RLM 2028 LS 2029 PS 202a LRE 202b RLE " +
  "202c PDF 202d LRO 202e RLO 2060 WJ 2066 LRI 2067 RLI 2068 FSI 2069 PDI 3000 IDSP feff BOM ";

/** Stands where a token goes on with a character that an earlier one began. */
export const JOINED = "\u203f";

/** What people read at a token: a split character whole at its first token, and then a tie for each further one. */
export function spelled(
  { pieces, groups, group_text: whole }: TokenColumns,
  token: number,
): string | undefined {
  const text = whole?.[`${groups?.[token]}`];
  if (text === undefined) return pieces?.[token];
  return groups?.[token] === groups?.[token - 1] ? JOINED : text;
}

/** The same where a token stands alone: a split character, and which part of it: "1/3". */
export function named(tokens: TokenColumns, token: number): readonly [text: string, part: string] {
  const { pieces, groups, group_text: whole } = tokens;
  const text = whole?.[`${groups?.[token]}`];
  if (!groups || text === undefined) return [pieces?.[token] ?? "", ""];
  let [first, end] = [token, token + 1];
  while (groups[first - 1] === groups[token]) first--;
  while (groups[end] === groups[token]) end++;
  return [text, `${token - first + 1}/${end - first}`];
}

/**
 * A piece with everything that has no ink of its own made visible: a space is "·", a newline "⏎", a tab
 * "⇥", controls are their pictures, and what could turn the rest of a line around stands by name.
 * Joiners inside a word or an emoji stay, where they do their work.
 */
export function visible(piece: string): string {
  if (PLAIN.test(piece)) return piece;
  const shown = piece.replace(HIDDEN, (found, at: number) => {
    const code = found.codePointAt(0) ?? 0;
    if (found.length > (code > 0xff_ff ? 2 : 1)) return found;
    const joins = code === 0x20_0c || code === 0x20_0d;
    if (joins && at > 0 && at < piece.length - 1 && !BLANK.test(piece.charAt(at - 1))) return found;
    return sign(code);
  });
  return MARK.test(shown) ? `◌${shown}` : shown;
}

function sign(code: number): string {
  if (code === 0x20) return "·";
  if (code === 0x0a) return "⏎";
  if (code === 0x09) return "⇥";
  if (code === 0x7f) return "␡";
  if (code < 0x20) return String.fromCharCode(0x24_00 + code);
  const hex = code.toString(16);
  const [, after] = ` ${NAMES}`.split(` ${hex} `);
  return `⟨${after?.split(" ")[0] ?? `U+${hex.toUpperCase().padStart(4, "0")}`}⟩`;
}
