// Colour: from a coded weight, or a real one, to a pixel; and the legend's numbers.
//
// A weight w in [0, 1] comes as the byte round(w^¼ · 254) + 1, and 0 is "no cell". So a scale or a map is
// nothing but another table of 256 colours, and changing it asks nothing of the kernel. A signed value v
// comes as 128 + round(sign(v) · (|v| / vmax)^¼ · 127).
import type { Colormap, Scale } from "./model";

export interface Tick {
  readonly value: number;
  /** Where on the legend, from 0 to 1. */
  readonly at: number;
  readonly label: string;
}

export interface PaletteOptions {
  readonly colormap: Colormap;
  readonly scale: Scale;
  readonly dark: boolean;
  readonly signed?: boolean | undefined;
  /** The value at the scale's end: the largest magnitude of a signed array, otherwise 1. */
  readonly vmax?: number | undefined;
  /** Whether the codes are a signed array's, though no value is below zero; where not said, as `signed`. */
  readonly coded?: boolean | undefined;
}

export interface Palette extends Required<PaletteOptions> {
  /** Palettes of one name have the same colours. */
  readonly name: string;
  /** A code's pixel as a canvas keeps it (bytes R, G, B, A); code 0 is transparent. */
  readonly lut: Uint32Array;
  /** From 0 to 1: where on the legend a value stands. */
  at(value: number): number;
  /** A CSS colour for a real value. */
  css(value: number): string;
  /** A CSS colour for a place on the legend. */
  cssAt(at: number): string;
  /** Black or white, whichever reads better on a value's colour. */
  ink(value: number): string;
  readonly ticks: readonly Tick[];
}

/** At this luminance black and white have the same contrast, 4.6 : 1 (WCAG 2.2 asks for 4.5). */
const INK_TURNS = 0.179;

/** Four decades: what a logarithmic legend shows. */
const DECADES = 4;

// Sixteen evenly spaced points of each map (viridis, cividis and magma are CC0, by van der Walt, Smith,
// Nuñez, Anderton and Renslow); between them straight lines, at most four hundredths from the originals.
const VIRIDIS =
  "440154481a6c472f7d41448739568c31688e2a788e23888e1f988b22a88435b77954c5687ad151a5db36d2e21bfde725";
const CIVIDIS =
  "00224e002e6c1e3a6f35456c47516c575d6d666970757575848279948e77a59c74b7a96ec8b866dbc75aeed649fee838";
const MAGMA =
  "0000040b092420114b3b0f7057157e721f818c2981a8327dc43c75de4968f1605dfa7f5efe9f6dfebf84fddea0fcfdbf";
const GREY_ON_WHITE = "f2f2f2000000";
const GREY_ON_BLACK = "1c1c1cffffff";
// Blue for negative, orange for positive, which no common colour blindness confuses; zero fades into the page.
const SIGNED_ON_WHITE = "053f7d2f79b57fb2d8c5dcecf4f4f2f8d9bdeda66fc7662b7f3008";
const SIGNED_ON_BLACK = "b4dcff68aef02f78bf1d456d1c1d20613517ae5a1fec9450ffd2a6";

/** On a dark page a map that begins in black begins later, so that a weight of nothing is no missing cell. */
const FLOORS: Partial<Record<Colormap, number>> = { magma: 0.18, grey: 0.14 };

/** The weight of a byte; NaN for "no cell". */
export function decode(code: number, signed = false, vmax = 1): number {
  if (code === 0) return Number.NaN;
  if (!signed) return ((code - 1) / 254) ** 4;
  const root = (code - 128) / 127;
  return Math.sign(root) * root ** 4 * vmax;
}

/** The byte of a weight, as the kernel codes it. */
export function encode(value: number, signed = false, vmax = 1): number {
  if (Number.isNaN(value)) return 0;
  if (!signed) return Math.round(Math.min(Math.max(value, 0), 1) ** 0.25 * 254) + 1;
  const size = Math.min(Math.abs(value) / vmax, 1) ** 0.25;
  return 128 + Math.round(Math.sign(value) * size * 127);
}

export function makePalette(options: PaletteOptions): Palette {
  const { colormap, scale, dark, signed = false } = options;
  const coded = options.coded ?? signed;
  const vmax = options.vmax || 1; // of an array of zeros as well
  const stops = parse(pointsOf(colormap, dark, signed));
  const floor = dark && !signed ? (FLOORS[colormap] ?? 0) : 0;
  const strength = strengthOf(scale);
  const at = (value: number): number => {
    const size = strength(Math.min(Math.abs(value) / vmax, 1));
    return signed ? (1 + Math.sign(value) * size) / 2 : size;
  };
  const colourAt = (place: number): Rgb => blend(stops, floor + (1 - floor) * place);
  const lut = new Uint32Array(256);
  for (let code = 1; code < 256; code++) {
    const [r, g, b] = colourAt(at(decode(code, coded, vmax)));
    lut[code] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  const cssAt = (place: number): string => `rgb(${colourAt(place).join(" ")})`;
  return {
    name: [signed ? "signed" : `${colormap}${coded ? "*" : ""}`, scale, dark ? "dark" : "light", vmax].join(
      "|",
    ),
    colormap,
    scale,
    dark,
    signed,
    coded,
    vmax,
    lut,
    at,
    cssAt,
    css: (value) => cssAt(at(value)),
    ink: (value) => (luminance(colourAt(at(value))) > INK_TURNS ? "#000" : "#fff"),
    ticks: ticksOf(scale, signed, vmax, at),
  };
}

/** Colours `codes` into `pixels`: one table look-up a cell. */
export function colour(codes: Uint8Array, lut: Uint32Array, pixels: Uint32Array): void {
  for (let i = 0; i < codes.length; i++) pixels[i] = lut[codes[i] as number] as number;
}

/** Of linear light, from 0 to 1 (WCAG 2: relative luminance). */
export function luminance([r, g, b]: readonly [number, number, number]): number {
  const linear = (byte: number) => {
    const part = byte / 255;
    return part <= 0.040_45 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
}

function pointsOf(colormap: Colormap, dark: boolean, signed: boolean): string {
  if (signed) return dark ? SIGNED_ON_BLACK : SIGNED_ON_WHITE;
  if (colormap === "cividis") return CIVIDIS;
  if (colormap === "magma") return MAGMA;
  if (colormap === "grey") return dark ? GREY_ON_BLACK : GREY_ON_WHITE;
  return VIRIDIS;
}

/** How far along the map a share of the largest value stands; all keep order, 0 at 0 and 1 at 1. */
function strengthOf(scale: Scale): (share: number) => number {
  if (scale === "linear") return (share) => share;
  if (scale === "sqrt") return Math.sqrt;
  return (share) => Math.max(0, 1 + Math.log10(share) / DECADES);
}

/** Shares of the largest value at which numbers stand between the ends, and of those a signed legend's. */
const SHARES: Readonly<Record<Scale, readonly (readonly number[])[]>> = {
  linear: [[0.5, 0.25, 0.75], [0.5]],
  sqrt: [[0.25, 0.01, 0.1, 0.5], [0.25]],
  log: [[0.01], [0.01]],
};
/** The share of the legend that a letter takes, and what is free between two numbers. */
const LETTER = 0.031;
const FREE = 0.03;

/**
 * The legend's numbers: its ends, zero, and round ones between them as far as there is room.
 * A number stands over the place that it names by the same share of its width, so that the ends align.
 */
function ticksOf(scale: Scale, signed: boolean, vmax: number, at: (value: number) => number): Tick[] {
  const tick = (value: number): Tick => ({ value, at: at(value), label: tickLabel(value) });
  const least = 10 ** Math.round(Math.log10(vmax) - DECADES);
  const low = { value: least, at: 0, label: `≤ ${tickLabel(least)}` };
  const ticks = signed ? [-vmax, 0, vmax].map(tick) : [scale === "log" ? low : tick(0), tick(vmax)];
  const start = (one: Tick): number => one.at * (1 - LETTER * one.label.length);
  const free = (a: Tick, b: Tick): boolean => {
    const [one, other] = a.at < b.at ? [a, b] : [b, a];
    return start(one) + LETTER * one.label.length + FREE <= start(other);
  };
  for (const share of SHARES[scale][signed ? 1 : 0] ?? []) {
    const value = rounded(share * vmax);
    const both = (signed ? [-value, value] : [value]).map(tick);
    if (both.every((one) => ticks.every((other) => free(one, other)))) ticks.push(...both);
  }
  return ticks.sort((a, b) => a.value - b.value);
}

/** The nearest of 1, 2, 2.5, 5, 7.5, 10, 20 … */
function rounded(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const away = (round: number): number => Math.abs(Math.log(value / power / round));
  const nearest = [1, 2, 2.5, 5, 7.5, 10].sort((a, b) => away(a) - away(b))[0] ?? 1;
  return Number((nearest * power).toPrecision(3));
}

/** At most three significant figures, no trailing zeros; a true minus sign. */
function tickLabel(value: number): string {
  const size = Math.abs(value);
  const short = size !== 0 && (size < 0.0001 || size >= 10_000);
  const text = short ? value.toExponential(1).replace(".0e", "e") : String(Number(value.toPrecision(3)));
  return text.replace("e+", "e").replaceAll("-", "−");
}

type Rgb = [number, number, number];

function parse(hex: string): Rgb[] {
  const byte = (at: number) => Number.parseInt(hex.slice(at, at + 2), 16);
  const stops: Rgb[] = [];
  for (let at = 0; at < hex.length; at += 6) stops.push([byte(at), byte(at + 2), byte(at + 4)]);
  return stops;
}

function blend(stops: readonly Rgb[], at: number): Rgb {
  const place = Math.min(Math.max(at, 0), 1) * (stops.length - 1);
  const low = stops[Math.floor(place)] as Rgb;
  const high = stops[Math.ceil(place)] as Rgb;
  const part = place - Math.floor(place);
  const mix = (i: 0 | 1 | 2) => Math.round(low[i] + (high[i] - low[i]) * part);
  return [mix(0), mix(1), mix(2)];
}
