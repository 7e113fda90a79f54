// Pictures to take away. The PNG is drawn here, from what is on the screen; SVG and CSV are the kernel's.

import { follow } from "../dom";
import { kindAndCaption, notesOf, rangeOf } from "./caption";
import { fileName, headTitle, tokenCount } from "./format";
import { stops } from "./legend";
import type { Panels } from "./panels";

export type Format = "png" | "svg" | "csv";

export const FORMATS: readonly (readonly [Format, string, string])[] = [
  ["png", "PNG", "picture, twice the screen's size"],
  ["svg", "SVG", "for a paper"],
  ["csv", "CSV", "the weights in view"],
];

/** Saves the chosen head as a file. */
export async function exportAs(format: Format, panels: Panels): Promise<void> {
  const { traits, wire } = panels;
  const name = fileName(traits.info.peek().name ?? "", traits.layer.peek(), traits.head.peek(), format);
  if (format === "png") {
    download(await toBlob(drawPicture(panels, { width: 900, ratio: 2 })), name);
    return;
  }
  const { dark } = panels.theme.peek();
  const { content, buffers } = await wire.request("export", { format, dark }, { timeout: 120_000 });
  const bytes = (buffers[0] ?? new Uint8Array()).slice();
  download(new Blob([bytes], { type: String(content["mime"] ?? "") }), String(content["name"] || name));
}

function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const toBlob = (canvas: HTMLCanvasElement): Promise<Blob> =>
  new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("The browser could not make a PNG."))),
      "image/png",
    );
  });

interface PictureOptions {
  /** Of the whole picture, CSS pixels; the head is a square of it. */
  width: number;
  ratio: number;
  note?: string;
}

/** The chosen head with title, axes, legend and caption: all that is needed to read it, on the theme's paper. */
export function drawPicture(panels: Panels, { width, ratio, note = "" }: PictureOptions): HTMLCanvasElement {
  const { traits } = panels;
  const theme = panels.theme.peek();
  const palette = panels.palette.peek();
  const margin = 24;
  const inner = width - 2 * margin;
  const [kind, caption] = kindAndCaption(traits);
  const { name = "" } = traits.info.peek();
  const length = traits.length.peek();
  const head = headTitle(traits.layer.peek(), traits.head.peek());
  const title = traits.title.peek() || head;
  const about = [
    name,
    traits.title.peek() && head.toLowerCase(),
    kind,
    length && tokenCount(length),
    rangeOf(traits),
    ...notesOf(traits, panels.matrix.peek()?.sampled.peek() ?? false),
  ];
  const side = Math.round(inner * 0.78);
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser gives no canvas to draw on.");
  const font = (size: number, weight = 400): string => `${weight} ${size}px ${theme.font}`;
  context.font = font(13);
  const wrapped = (parts: readonly unknown[], glue: string): string[] =>
    wrap(parts.filter(Boolean).map(String), glue, (line) => context.measureText(line).width <= inner);
  const subtitle = wrapped(about, " · ");
  const lines = [...wrapped(caption.split(" "), " "), note].filter(Boolean);
  const top = margin + 34 + subtitle.length * 18; // of the head
  const height = top + side + 56 + lines.length * 18 + margin - 8;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  context.scale(ratio, ratio);
  context.fillStyle = theme.paper;
  context.fillRect(0, 0, width, height);
  context.textBaseline = "alphabetic";

  context.fillStyle = theme.ink;
  context.font = font(18, 600);
  context.fillText(title, margin, margin + 16, inner);
  context.fillStyle = theme.soft;
  context.font = font(13);
  for (const [k, line] of subtitle.entries()) context.fillText(line, margin, margin + 38 + k * 18);

  context.save();
  context.translate(margin, top);
  panels.matrix.peek()?.draw(context, inner, side);
  context.restore();

  let y = top + side + 16;
  const ramp = context.createLinearGradient(margin, 0, margin + 240, 0);
  for (const [k, color] of stops(palette).entries()) ramp.addColorStop(k / 32, color);
  context.fillStyle = ramp;
  context.fillRect(margin, y, 240, 10);
  context.fillStyle = theme.soft;
  context.font = font(11);
  for (const { at, label } of palette.ticks) {
    context.fillText(label, margin + at * (240 - context.measureText(label).width), y + 24);
  }
  context.font = font(13);
  const scale = { linear: "linear scale", sqrt: "square-root scale", log: "logarithmic scale" }[
    palette.scale
  ];
  context.fillText(scale, margin + 264, y + 10, inner - 264);
  y += 52;
  context.fillStyle = theme.ink;
  for (const line of lines) {
    context.fillText(line, margin, y, inner);
    y += 18;
  }
  return canvas;
}

/** Parts in as few lines as fit; one that is too long has a line of its own. */
export function wrap(parts: readonly string[], glue: string, fits: (line: string) => boolean): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const longer = [lines.at(-1), part].join(glue);
    if (lines.length > 0 && fits(longer)) lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  return lines;
}

const MOST = 200_000; // bytes of a picture that is kept in the notebook
const SETTLED = 1500; // ms without a change
const SIZES = [
  [800, 1.5],
  [800, 1],
  [640, 1],
] as const;

/** Keeps the notebook's saved picture up to date: after things have settled, and whenever the kernel asks. */
export function keepPicture(panels: Panels): void {
  const { traits, wire, matrix, palette, theme, connection, signal } = panels;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const send = async (): Promise<void> => {
    const ready = traits.status.peek() === "ready" && connection.peek() === "live" && matrix.peek();
    if (!ready || signal.aborted || document.hidden) return;
    const note = "This is a picture; run the cell to explore it.";
    for (const [width, ratio] of SIZES) {
      const blob = await toBlob(drawPicture(panels, { width, ratio, note }));
      if (blob.size > MOST) continue;
      const bytes = new Uint8Array(await blob.arrayBuffer());
      await wire.request("picture", {}, { timeout: 10_000, buffers: [bytes] });
      return;
    }
  };
  const soon = (): void => void send().catch(() => undefined);
  wire.onEvent("picture_please", soon, signal);
  follow(() => {
    void [
      palette.value,
      theme.value,
      connection.value,
      traits.status.value,
      traits.info.value,
      traits.length.value,
    ];
    void matrix.value?.sampled.value;
    void [
      traits.view.value,
      traits.layer.value,
      traits.head.value,
      traits.hideSink.value,
      traits.title.value,
    ];
    void [traits.query.value, traits.key.value];
    timer = setTimeout(() => (globalThis.requestIdleCallback ?? setTimeout)(soon), SETTLED);
    return () => clearTimeout(timer);
  });
}
