// The axes: the tokens themselves where cells are large enough to read them, a ruler where they are not.
import { whole } from "../numbers";
import { READABLE } from "./labels";
import { type Canvas2D, stroke, write } from "./pen";
import { labelOf, type Scene } from "./scene";
import { niceStep } from "./viewport";

/** CSS pixels between the plot and its labels. */
export const GAP = 6;
const SPACED = /^(·)(.+)$/su; // a token that begins with a space

export function paintAxes(on: Canvas2D, scene: Scene): void {
  const { plot, right, bottom, theme, type, font } = scene;
  on.lineWidth = 1;
  const left = plot.x - 0.5;
  stroke(on, theme.line, left, plot.y, left, bottom + 0.5, right, bottom + 0.5);
  on.font = font;
  write(on, "query ↓", [plot.x - GAP, plot.y - GAP - type / 2 - 2], "right", theme.soft);
  write(on, "key →", [plot.x - GAP, bottom + GAP + type / 2 + 2], "right", theme.soft);
  paintAxis(on, scene, false);
  paintAxis(on, scene, true);
}

/** The keys' axis (`across`) or the queries'. */
function paintAxis(on: Canvas2D, scene: Scene, across: boolean): void {
  const { plot, bottom, theme, type, room, region, measure } = scene;
  const cell = across ? scene.cellWidth : scene.cellHeight;
  const words = cell >= (READABLE * type) / 11;
  const font = words && cell < type ? `${cell}px ${theme.font}` : scene.font;
  const turned = words && across && !room.level && cell < room.longest + 8; // a quarter turn: what runs up the page ends at the axis
  const most = across ? (turned ? room.bottom - GAP - 2 : cell - 4) : room.left - GAP - 2;
  const needed = across ? measure.width(whole(scene.length), font) + 16 : type * 3;
  const step = words ? 1 : niceStep(needed / cell);
  const start = across ? region.col0 : region.row0;
  const end = Math.min(start + (across ? region.cols : region.rows), scene.length);
  on.save();
  on.font = font;
  if (turned) on.rotate(-Math.PI / 2);
  for (let token = Math.max(0, Math.ceil((start - 0.5) / step) * step); token + 0.5 <= end; token += step) {
    const text = words ? labelOf(scene, token, most, font) : whole(token);
    const at = across ? scene.x(token + 0.5) : scene.y(token + 0.5);
    if (turned) label(on, scene, font, text, [-bottom - GAP, at], "right");
    else if (across) {
      if (!words) stroke(on, theme.line, at, bottom, at, bottom + 4);
      const half = measure.width(text, font) / 2;
      const last = scene.width - half - 1; // not cut by the edge
      if (at - half < plot.x - GAP + 4) continue; // there stands "key →"
      label(on, scene, font, text, [Math.min(at, last), bottom + GAP + type / 2 + 1], "center");
    } else {
      if (!words) stroke(on, theme.line, plot.x - 4, at, plot.x, at);
      label(on, scene, font, text, [plot.x - GAP, at], "right");
    }
  }
  on.restore();
}

/** A token or a number; the dot of a leading space is quieter than the letters after it. */
function label(
  on: Canvas2D,
  { measure, theme }: Scene,
  font: string,
  text: string,
  [x, y]: readonly [number, number],
  align: "right" | "center",
): void {
  const [, dot = "", rest = text] = SPACED.exec(text) ?? [];
  const end = align === "center" ? x + measure.width(text, font) / 2 : x;
  write(on, rest, [end, y], "right", theme.ink);
  if (dot) write(on, dot, [end - measure.width(rest, font), y], "right", theme.line);
}
