// What the page looks like around the widget: read once, and again when JupyterLab's theme changes.
import { type ReadonlySignal, signal } from "@preact/signals-core";
import { luminance } from "./color";

const INVISIBLE = /[,/]\s*0\)$/u;
const HEX = /^#(?<digits>[0-9a-f]{3}|[0-9a-f]{6})$/iu;
const RGB = /^rgba?\((?<parts>[^)]*)\)/u;
const NUMBERS = /[\d.]+/gu;

export interface Theme {
  readonly dark: boolean;
  /** CSS colours. */
  readonly paper: string;
  readonly ink: string;
  readonly soft: string;
  readonly line: string;
  readonly accent: string;
  /** A CSS font family. */
  readonly font: string;
}

/** The theme at an element that is in the page. Dark is what is dark, whatever the theme is called. */
export function readTheme(element: Element): Theme {
  const style = getComputedStyle(element);
  const own = (name: string) => style.getPropertyValue(name).trim();
  const paper = backgroundOf(element) ?? (own("--jp-layout-color0") || "#fff");
  const rgb = parseRgb(paper);
  const dark = rgb ? luminance(rgb) < 0.3 : matchMedia("(prefers-color-scheme: dark)").matches;
  return {
    dark,
    paper,
    ink: own("--jp-content-font-color1") || (dark ? "#e8e8e8" : "#1f1f1f"),
    soft: own("--jp-content-font-color2") || (dark ? "#a8a8a8" : "#616161"),
    line: own("--jp-border-color1") || (dark ? "#555" : "#c4c4c4"),
    accent: own("--gw-accent") || own("--jp-brand-color1") || "#1976d2",
    font: own("--jp-ui-font-family") || "system-ui, sans-serif",
  };
}

/** The theme as a signal; it follows JupyterLab's attributes on the body and the system's setting. */
export function watchTheme(element: Element, ends: AbortSignal): ReadonlySignal<Theme> {
  const theme = signal(readTheme(element));
  const look = () => {
    if (ends.aborted) return;
    const now = readTheme(element);
    if (JSON.stringify(now) !== JSON.stringify(theme.peek())) theme.value = now;
  };
  let later: ReturnType<typeof setTimeout> | undefined;
  const changed = () => {
    look();
    clearTimeout(later);
    later = setTimeout(look, 400); // the new style sheet may come after the attribute
  };
  const observer = new MutationObserver(changed);
  for (const target of [document.documentElement, document.body]) {
    observer.observe(target, { attributes: true });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed, { signal: ends });
  later = setTimeout(look, 0); // an element that is mounted before it is in the page
  ends.addEventListener(
    "abort",
    () => {
      observer.disconnect();
      clearTimeout(later);
    },
    { once: true },
  );
  return theme;
}

function backgroundOf(element: Element): string | undefined {
  for (let at: Element | null = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (colour && colour !== "transparent" && !INVISIBLE.test(colour)) return colour;
  }
  return undefined;
}

export function parseRgb(colour: string): [number, number, number] | undefined {
  const hex = HEX.exec(colour)?.groups?.["digits"];
  if (hex) {
    const size = hex.length / 3;
    const part = (i: number) => Number.parseInt(hex.slice(i * size, (i + 1) * size).repeat(3 - size), 16);
    return [part(0), part(1), part(2)];
  }
  const numbers = RGB.exec(colour)?.groups?.["parts"]?.match(NUMBERS);
  if (!numbers || numbers.length < 3) return undefined;
  return [Number(numbers[0]), Number(numbers[1]), Number(numbers[2])];
}
