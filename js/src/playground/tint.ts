// Colours of tokens: what was certain has none, what was surprising has much. Orange on the page's own ground, from
// a map whose steps are even to the eye and which no common colour blindness confuses.
import { makePalette } from "../color";
import type { Tokens } from "./story";
import type { Coloring, PlayTraits } from "./traits";

export interface Tint {
  readonly ground: string;
  readonly ink: string;
}

export interface Scale {
  readonly title: string;
  /** From 0 (no colour) to 1; NaN where it is not known. */
  at(tokens: Tokens, own: number): number;
  readonly ticks: readonly (readonly [at: number, label: string])[];
}

const SHADES = 40;
const DEEPEST = 0.6; // of the map: colour behind letters must not shout

const bits = (logprob: number): number => -logprob / Math.LN2;
const MOST = 4; // nats: a fixed scale, so that two texts can be compared
const clamp = (value: number): number => Math.min(1, Math.max(0, value));

export const SCALES: Readonly<Record<Exclude<Coloring, "none">, Scale>> = {
  probability: {
    title: "Probability of the token, before the sampling rules",
    at: (tokens, own) => 1 - Math.sqrt(Math.exp(tokens.of("logprob", own))),
    ticks: [
      [0, "1"],
      [1 - Math.sqrt(0.5), "0.5"],
      [1 - Math.sqrt(0.1), "0.1"],
      [0.9, "0.01"],
    ],
  },
  surprise: {
    title: "Surprise: −log₂ of the probability, in bits",
    at: (tokens, own) => clamp(bits(tokens.of("logprob", own)) / 16),
    ticks: [
      [0, "0"],
      [0.25, "4"],
      [0.5, "8"],
      [0.75, "12"],
      [1, "16 bits"],
    ],
  },
  rank: {
    title: "Rank among all tokens: 1 is the most probable",
    at: (tokens, own) => {
      const rank = tokens.of("rank", own);
      return rank < 0 ? Number.NaN : clamp(Math.log10(rank + 1) / 4);
    },
    ticks: [
      [0, "1st"],
      [0.25, "10"],
      [0.5, "100"],
      [0.75, "1k"],
      [1, "10k"],
    ],
  },
  entropy: {
    title: "Entropy of the whole distribution that the token was drawn from, in bits",
    at: (tokens, own) => clamp(tokens.of("entropy", own) / 8),
    ticks: [
      [0, "0"],
      [0.25, "2"],
      [0.5, "4"],
      [0.75, "6"],
      [1, "8 bits"],
    ],
  },
  attention: {
    title: "Attention of a head", // which, the traits say
    at: () => Number.NaN, // it is no column of the tokens, see attentionAt
    ticks: [
      [0, "0"],
      [1, "most"],
    ],
  },
  difference: {
    title: "Difference of the token's log-probability with and without the change inside the model",
    at: () => Number.NaN, // see differenceAt
    ticks: [
      [0, "−4"],
      [0.25, "−1"],
      [0.5, "0"],
      [0.75, "+1"],
      [1, "+4"],
    ],
  },
};

/** By how many nats a token's log-probability changes under what is changed inside the model; NaN: not known. */
export function differenceAt({ difference, differenceOf }: PlayTraits, leaf: string, at: number): number {
  const bytes = differenceOf.value.leaf === leaf ? difference.value : null;
  if (!bytes || bytes.byteLength < 4 * (at + 1)) return Number.NaN;
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat32(4 * at, true);
}

/** From −1 (much less probable) to 1: the square root of up to MOST nats, so that little can be seen, too. */
export const changeOf = (nats: number): number =>
  Math.sign(nats) * Math.sqrt(Math.min(1, Math.abs(nats) / MOST));

/** How strong a token's colour is where a head's attention is shown: from 0 to 1; NaN where none is known. */
export function attentionAt({ attention, attentionOf }: PlayTraits, leaf: string, at: number): number {
  const code = attentionOf.value.leaf === leaf ? attention.value?.[at] : undefined;
  return code === undefined ? Number.NaN : code / 255;
}

/** All shades of one theme, the weakest first; orange, or blue for what has become more probable. */
export function shades(dark: boolean, more = false): readonly Tint[] {
  const { css, ink } = makePalette({ colormap: "auto", scale: "linear", dark, signed: true, vmax: 1 });
  return Array.from({ length: SHADES + 1 }, (_, k) => {
    const value = (k / SHADES) * DEEPEST * (more ? -1 : 1);
    return k < 2 ? { ground: "", ink: "" } : { ground: css(value), ink: ink(value) };
  });
}

export function tintOf(all: readonly Tint[], strength: number): Tint {
  return all[Math.round(strength * SHADES)] ?? { ground: "", ink: "" };
}
