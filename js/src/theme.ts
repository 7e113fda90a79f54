// What the page looks like around the widget: read once, and again when JupyterLab's theme changes.
import { effect, type ReadonlySignal, signal } from "@preact/signals-core";
import { luminance } from "./color";

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
  const own = (name: string, otherwise: string) => style.getPropertyValue(`--${name}`).trim() || otherwise;
  const ground = groundOf(element);
  const dark = ground ? luminance(ground) < 0.3 : matchMedia(DARK).matches;
  return {
    dark,
    paper: ground ? `rgb(${ground.join(" ")})` : own("jp-layout-color0", dark ? "#111" : "#fff"),
    ink: own("jp-content-font-color1", dark ? "#e8e8e8" : "#1f1f1f"),
    soft: own("jp-content-font-color2", dark ? "#a8a8a8" : "#616161"),
    line: own("jp-border-color1", dark ? "#555" : "#c4c4c4"),
    accent: own("gw-accent", own("jp-brand-color1", "#1976d2")),
    font: own("jp-ui-font-family", "system-ui, sans-serif"),
  };
}

const DARK = "(prefers-color-scheme: dark)";

/** The theme as a signal; it follows JupyterLab's attributes on the body and the system's setting. */
export function watchTheme(element: Element, ends: AbortSignal): ReadonlySignal<Theme> {
  const theme = signal(readTheme(element));
  const look = () => {
    const now = readTheme(element);
    if (!ends.aborted && JSON.stringify(now) !== JSON.stringify(theme.peek())) theme.value = now;
  };
  const changed = () => {
    look();
    setTimeout(look, 400); // the new style sheet may come after the attribute
  };
  const observer = new MutationObserver(changed);
  for (const target of [document.documentElement, document.body]) {
    observer.observe(target, { attributes: true });
  }
  matchMedia(DARK).addEventListener("change", changed, { signal: ends });
  setTimeout(look); // an element that is mounted before it is in the page
  ends.addEventListener("abort", () => observer.disconnect());
  return theme;
}

/** Says on a widget's root whether it stands on something dark; the style sheet goes by it where the page has no colours. */
export function markDark(root: HTMLElement, ends: AbortSignal): void {
  const theme = watchTheme(root, ends);
  const stop = effect(() => {
    root.toggleAttribute("data-dark", theme.value.dark);
  });
  ends.addEventListener("abort", stop);
}

/** What an element stands on, across the border of a shadow tree as well; undefined where nothing is painted. */
function groundOf(element: Element): Rgb | undefined {
  const painted = parseRgb(getComputedStyle(element).backgroundColor);
  const around = element.parentElement ?? (element.getRootNode() as Partial<ShadowRoot>).host;
  return painted ?? (around && groundOf(around));
}

type Rgb = [number, number, number];

/** Red, green and blue (0 to 255) of any CSS colour, as the browser itself reads it; undefined if it is invisible. */
export function parseRgb(color: string): Rgb | undefined {
  const on = document.createElement("canvas").getContext("2d");
  if (!on) return undefined;
  on.fillStyle = color;
  on.fillRect(0, 0, 1, 1);
  const [r = 0, g = 0, b = 0, alpha = 0] = on.getImageData(0, 0, 1, 1).data;
  return alpha > 0 ? [r, g, b] : undefined;
}
