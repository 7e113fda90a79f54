// What hands do on the matrix, told apart: hover, click, drag, box, pinch, wheel. No drawing, no traits.

type Point = readonly [number, number];

/** All positions are CSS pixels from the element's corner. */
export interface Actions {
  hover: (x: number, y: number) => void;
  leave: () => void;
  click: (x: number, y: number) => void;
  /** The last click was the first of a double one. */
  unclick: () => void;
  zoom: (factor: number, x: number, y: number) => void;
  /** By so many pixels; `grip` is where the drag began. */
  drag: (dx: number, dy: number, x: number, y: number, grip: Point) => void;
  /** A box is being drawn between two corners, or (`done`) has been; `shift`: with it. */
  box: (from: Point, to: Point, done: boolean, shift: boolean) => void;
  /** Whether a drag that begins here draws a box without Shift, too. */
  boxes: (x: number, y: number) => boolean;
  /** The wheel was turned where it scrolls the page. */
  hint: () => void;
  /** Whether zooming out still changes anything: otherwise the page scrolls. */
  zoomed: () => boolean;
}

/** A press that moves less (CSS pixels) is a click. */
const STILL = 4;
/** Of the wheel's pixels: this many zoom by a factor of e. */
const WHEEL = 400;
const LINE = 16; // CSS pixels of a wheel's line
const PAGE = 400;

/**
 * Listens on `element` until `ends` aborts.
 *
 * The wheel zooms where the element has the focus, and with Ctrl or ⌘ (as a pinch on a touchpad comes);
 * otherwise it scrolls the page, as everywhere else on it.
 */
export function listen(element: HTMLElement, focusable: HTMLElement, act: Actions, ends: AbortSignal): void {
  const fingers = new Map<number, Point>();
  let start: Point | null = null;
  let last: Point = [0, 0];
  let moved = false;
  let boxing = false;
  let shift = false;
  const focused = () => focusable.matches(":focus");
  const on = <K extends keyof HTMLElementEventMap>(
    type: K,
    heard: (event: HTMLElementEventMap[K]) => void,
    options: AddEventListenerOptions = {},
  ) => element.addEventListener(type, heard, { ...options, signal: ends });

  on("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
    start = [event.offsetX, event.offsetY];
    last = start;
    moved = fingers.size > 1;
    shift = event.shiftKey;
    boxing = (shift || act.boxes(...start)) && fingers.size === 1;
    focusable.focus({ preventScroll: true });
    event.preventDefault();
  });

  on("pointermove", (event) => {
    const here = [event.offsetX, event.offsetY] as const;
    if (!start) return act.hover(...here);
    if (fingers.size === 2) return pinch(event.pointerId, here);
    if (!moved && Math.hypot(here[0] - start[0], here[1] - start[1]) < STILL) return;
    moved = true;
    if (boxing) act.box(start, here, false, shift);
    else act.drag(here[0] - last[0], here[1] - last[1], ...here, start);
    last = here;
  });

  const pinch = (id: number, here: Point) => {
    const other = [...fingers].find(([finger]) => finger !== id)?.[1];
    const before = fingers.get(id);
    fingers.set(id, here);
    if (!(other && before)) return;
    const apart = (a: Point) => Math.hypot(a[0] - other[0], a[1] - other[1]);
    const middle = [(here[0] + other[0]) / 2, (here[1] + other[1]) / 2] as const;
    act.zoom(apart(here) / Math.max(apart(before), 1), ...middle);
    act.drag((here[0] - before[0]) / 2, (here[1] - before[1]) / 2, ...middle, middle);
  };

  const lift = (event: PointerEvent) => {
    if (!fingers.delete(event.pointerId)) return;
    for (const finger of fingers.values()) last = finger; // the other one goes on from where it is
    if (fingers.size > 0) return;
    const done = event.type === "pointerup" && moved;
    if (boxing && start) act.box(start, done ? [event.offsetX, event.offsetY] : start, true, shift);
    start = null;
    boxing = false;
  };
  on("pointerup", lift);
  on("pointercancel", lift);
  on("pointerleave", () => act.leave());
  on("click", (event) => {
    // The second click of a double one zooms, and does not choose again.
    if (!moved && event.detail < 2) act.click(event.offsetX, event.offsetY);
  });
  on("dblclick", (event) => {
    event.preventDefault();
    act.unclick();
    act.zoom(event.shiftKey ? 0.5 : 2, event.offsetX, event.offsetY);
  });

  on(
    "wheel",
    (event) => {
      const pixels = event.deltaY * (event.deltaMode === 1 ? LINE : event.deltaMode === 2 ? PAGE : 1);
      const meant = event.ctrlKey || event.metaKey;
      if (!(meant || focused())) {
        if (Math.abs(event.deltaY) > Math.abs(event.deltaX)) act.hint();
        return;
      }
      if (!meant && pixels > 0 && !act.zoomed()) return; // nothing further out: the page may go on
      event.preventDefault();
      // A pinch on a touchpad comes as small steps; a wheel's click is 100 pixels or more.
      const speed = event.ctrlKey && Math.abs(pixels) < 40 ? WHEEL / 4 : WHEEL;
      act.zoom(Math.exp(-pixels / speed), event.offsetX, event.offsetY);
    },
    { passive: false },
  );

  // A finger scrolls the page past the picture until the picture has been touched.
  const touch = () => {
    element.style.touchAction = focused() ? "none" : "pan-x pan-y";
  };
  touch();
  focusable.addEventListener("focus", touch, { signal: ends });
  focusable.addEventListener("blur", touch, { signal: ends });
}
