// Strokes that every part of the matrix draws, and canvases beside the page to draw them on.

export type Canvas2D = CanvasRenderingContext2D;

/** A canvas that does not stand in the page. */
export type Beside = OffscreenCanvas | HTMLCanvasElement;

/** A canvas beside the page, in device pixels; an ordinary one where the browser has no other. */
export function makeCanvas(width: number, height: number): Beside {
  if (typeof OffscreenCanvas !== "undefined") return new OffscreenCanvas(width, height);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

/** Its pen: the two kinds share every method that is used here. */
export const penOf = (canvas: Beside): Canvas2D | null => canvas.getContext("2d") as Canvas2D | null;

/** A path through points given as x, y, x, y … */
export function stroke(on: Canvas2D, color: string, ...points: readonly number[]): void {
  on.strokeStyle = color;
  on.beginPath();
  for (let i = 0; i < points.length; i += 2) on.lineTo(points[i] as number, points[i + 1] as number);
  on.stroke();
}

/** Text that stands at a point: its left end, middle or right end on x, its middle on y. */
export function write(
  on: Canvas2D,
  text: string,
  [x, y]: readonly [number, number],
  align: CanvasTextAlign,
  color: string,
): void {
  on.direction = "ltr"; // labels stand where they belong, whatever their own direction
  on.textBaseline = "middle";
  on.textAlign = align;
  on.fillStyle = color;
  on.fillText(text, x, y);
}
