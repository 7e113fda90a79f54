// The axes: the tokens themselves where cells are large enough to read them, a ruler where they are not.
import { whole } from "./format";
import { READABLE } from "./labels";
import type { Canvas2D } from "./paint";
import { cellOf, fontOf, labelOf, type Scene } from "./scene";
import { niceStep, xOf, yOf } from "./viewport";

/** CSS pixels between the plot and its labels. */
export const GAP = 6;

export function paintAxes(context: Canvas2D, scene: Scene): void {
  const { plot, theme, type } = scene;
  context.direction = "ltr"; // labels stand beside their cells, whatever their own direction
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(plot.x - 0.5, plot.y);
  context.lineTo(plot.x - 0.5, plot.y + plot.height + 0.5);
  context.lineTo(plot.x + plot.width, plot.y + plot.height + 0.5);
  context.stroke();

  context.fillStyle = theme.soft;
  context.font = fontOf(scene);
  context.textBaseline = "alphabetic";
  context.textAlign = "right";
  context.fillText("query ↓", plot.x - GAP, plot.y - GAP - 4);
  context.fillText("key →", plot.x - GAP, plot.y + plot.height + GAP + type);

  const { width, height } = cellOf(scene);
  const readable = READABLE * (type / 11);
  context.textBaseline = "middle";
  context.fillStyle = theme.ink;
  if (height >= readable) paintRowTokens(context, scene);
  else paintRowRuler(context, scene);
  if (width >= readable) paintColTokens(context, scene);
  else paintColRuler(context, scene);
}

/** The letters' size for a cell of so many pixels. */
const sized = (scene: Scene, cell: number): string => fontOf(scene, Math.min(1, (cell + 1) / scene.type));

function paintRowTokens(context: Canvas2D, scene: Scene): void {
  const { region, plot, room } = scene;
  const font = sized(scene, cellOf(scene).height);
  context.font = font;
  context.textAlign = "right";
  forVisible(region.row0, region.rows, (row) => {
    context.fillText(
      labelOf(scene, row, room.left - GAP - 2, font),
      plot.x - GAP,
      yOf(row + 0.5, region, plot),
    );
  });
}

function paintColTokens(context: Canvas2D, scene: Scene): void {
  const { region, plot, room, type } = scene;
  const { width } = cellOf(scene);
  const font = sized(scene, width);
  const bottom = plot.y + plot.height + GAP;
  context.font = font;
  if (room.level) {
    context.textAlign = "center";
    forVisible(region.col0, region.cols, (col) => {
      context.fillText(labelOf(scene, col, width - 4, font), xOf(col + 0.5, region, plot), bottom + type / 2);
    });
    return;
  }
  // A quarter turn: what runs up the page ends at the axis.
  context.save();
  context.rotate(-Math.PI / 2);
  context.textAlign = "right";
  const most = room.bottom - GAP - 2;
  forVisible(region.col0, region.cols, (col) => {
    context.fillText(labelOf(scene, col, most, font), -bottom, xOf(col + 0.5, region, plot));
  });
  context.restore();
}

function paintRowRuler(context: Canvas2D, scene: Scene): void {
  const { region, plot, type, theme } = scene;
  context.font = fontOf(scene);
  context.textAlign = "right";
  context.strokeStyle = theme.line;
  const step = niceStep((region.rows / plot.height) * type * 3);
  forSteps(region.row0, region.rows, step, (row) => {
    const y = yOf(row + 0.5, region, plot);
    tick(context, plot.x - 4, y, plot.x, y);
    context.fillText(whole(row), plot.x - GAP - 1, y);
  });
}

function paintColRuler(context: Canvas2D, scene: Scene): void {
  const { region, plot, type, theme, measure } = scene;
  context.font = fontOf(scene);
  context.textAlign = "center";
  context.strokeStyle = theme.line;
  const figures = measure.width(whole(scene.length), fontOf(scene));
  const step = niceStep((region.cols / plot.width) * Math.max(figures + 16, type * 4));
  const bottom = plot.y + plot.height;
  forSteps(region.col0, region.cols, step, (col) => {
    const x = xOf(col + 0.5, region, plot);
    tick(context, x, bottom, x, bottom + 4);
    const width = measure.width(whole(col), fontOf(scene));
    const within = Math.min(x, scene.width - width / 2 - 1); // the last figure is not cut by the edge
    context.fillText(whole(col), within, bottom + GAP + type / 2 + 1);
  });
}

function tick(context: Canvas2D, x0: number, y0: number, x1: number, y1: number): void {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

/** The tokens whose middle is in view. */
function forVisible(start: number, count: number, visit: (token: number) => void): void {
  for (let token = Math.ceil(start - 0.5); token + 0.5 <= start + count; token++) visit(token);
}

function forSteps(start: number, count: number, step: number, visit: (token: number) => void): void {
  for (let at = Math.ceil(start / step) * step; at + 0.5 <= start + count; at += step) visit(at);
}
