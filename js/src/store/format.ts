// Figures and words as the store writes them. The locale is fixed: the kernel's own texts are English.
import { whole } from "../numbers";

const NO_SPDX = /^LicenseRef-/u;
const FRONT = /^\s*---\n[\s\S]*?\n---\s*\n/u;
const ODD = /[^a-z0-9.]+/gu;
const ENDS = /^[-.]+|[-.]+$/gu;
const NONE = "–";
type Number = number | null | undefined;

const known = (value: Number): value is number => typeof value === "number" && Number.isFinite(value);

/** Three digits and a letter: 135 M, 1.24 B. */
export function parameters(value: Number): string {
  if (!known(value)) return NONE;
  if (value >= 1e9) return `${short(value / 1e9)} B`;
  if (value >= 1e6) return `${short(value / 1e6)} M`;
  return value >= 1e3 ? `${short(value / 1e3)} k` : whole(value);
}

const short = (value: number): string => String(Number(value.toPrecision(3)));

export function bytes(value: Number): string {
  if (!known(value)) return NONE;
  if (value >= 1e9) return `${value >= 1e10 ? Math.round(value / 1e9) : (value / 1e9).toFixed(1)} GB`;
  if (value >= 1e6) return `${Math.round(value / 1e6)} MB`;
  return `${Math.max(1, Math.round(value / 1e3))} kB`;
}

/** A length in tokens: 8k for 8,192. */
export function context(value: Number): string {
  if (!known(value)) return NONE;
  return value >= 1024 ? `${Math.round(value / 1024)}k` : whole(value);
}

export const fixed = (value: Number, digits: number): string => (known(value) ? value.toFixed(digits) : NONE);

export const speed = (value: Number): string =>
  known(value) ? (value >= 100 ? whole(Math.round(value)) : value.toFixed(1)) : NONE;

export function seconds(value: Number): string {
  if (!known(value)) return NONE;
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`;
}

/** "24", "10,000+" where there may be more. */
export const total = (value: number, capped = false): string => `${whole(value)}${capped ? "+" : ""}`;

export const many = (count: number, one: string, more = `${one}s`): string =>
  `${whole(count)} ${count === 1 ? one : more}`;

/** How a licence is called on a card: the SPDX name without what only says that it is none of SPDX's. */
export const licence = (name: string): string => name.replace(NO_SPDX, "");

/** The name of a language by its code. */
export function language(code: string): string {
  try {
    return new Intl.DisplayNames("en", { type: "language" }).of(code) ?? code;
  } catch {
    return code; // no code at all
  }
}

const DAY = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});

/** "21 Nov 2026" of an ISO time; "" where it is none. */
export function day(time: string | null | undefined): string {
  const at = time ? new Date(time) : null;
  return at && !Number.isNaN(at.getTime()) ? DAY.format(at) : "";
}

/** How many reviews gave 5, 4, 3, 2, 1 stars. */
export function distribution(reviews: readonly { readonly stars: number }[]): readonly number[] {
  return [5, 4, 3, 2, 1].map((stars) => reviews.filter((one) => one.stars === stars).length);
}

/** A card without what stands before it for machines. */
export const withoutFrontMatter = (card: string): string => card.replace(FRONT, "");

/** A name as a file or an address could have it. */
export const slug = (title: string): string => title.toLowerCase().replace(ODD, "-").replace(ENDS, "");
