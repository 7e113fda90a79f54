// Alternatives as bars: what the model gave above, what the rules left below, both with numbers. The rows are made
// once and then only rewritten, since a slider moves them at every frame.
import { h } from "../dom";
import { visible } from "../tokens";
import { probability } from "./figures";

export interface Bar {
  readonly id: number;
  readonly piece: string | undefined;
  readonly before: number;
  readonly after: number;
  /** Why it cannot be drawn; "" where it can. */
  readonly cut: string;
  /** Whether it is what stands in the text. */
  readonly chosen?: boolean;
}

export interface Bars {
  readonly element: HTMLElement;
  /** Writes what is to be seen; rows that are not needed keep their room. */
  draw(bars: readonly Bar[]): void;
}

/** Where the axis may end: it grows in steps, so that bars do not swim while a slider moves. */
const ENDS = [0.1, 0.25, 0.5, 1];

export function makeBars(room: number, label: string, choose: (bar: Bar) => void): Bars {
  let shown: readonly Bar[] = [];
  const rows = Array.from({ length: room }, (_, i) => {
    const piece = h("bdi.gw-piece");
    const before = h("i.gw-before");
    const after = h("i.gw-after");
    const raw = h("span.gw-raw");
    const ruled = h("span.gw-ruled");
    const row = h(
      "button.gw-bar-row",
      {
        type: "button",
        onclick: () => {
          const bar = shown[i];
          if (bar) choose(bar);
        },
      },
      piece,
      h("span.gw-track", {}, before, after),
      raw,
      ruled,
    );
    return { row: row as HTMLButtonElement, piece, before, after, raw, ruled };
  });
  const axis = h("span.gw-axis");
  const element = h(
    "div.gw-bars",
    { role: "group", "aria-label": label },
    h("div.gw-bars-head", {}, h("span", {}, "token"), axis, h("span", {}, "before"), h("span", {}, "after")),
    rows.map(({ row }) => row),
  );
  element.addEventListener("keydown", (event) => {
    const at = rows.findIndex(({ row }) => row === event.target);
    const to = event.key === "ArrowDown" ? rows[at + 1] : event.key === "ArrowUp" ? rows[at - 1] : undefined;
    if (at < 0 || !to || to.row.disabled) return;
    event.preventDefault();
    event.stopPropagation();
    to.row.focus();
  });

  const put = (node: HTMLElement, text: string): void => {
    if (node.textContent !== text) node.textContent = text;
  };
  return {
    element,
    draw(bars) {
      shown = bars;
      const most = Math.max(0, ...bars.map((bar) => Math.max(bar.before || 0, bar.after || 0)));
      const end = ENDS.find((one) => most <= one) ?? 1;
      put(axis, `0 – ${end * 100} %`);
      for (const [i, { row, piece, before, after, raw, ruled }] of rows.entries()) {
        const bar = bars[i];
        row.disabled = !bar;
        if (!bar) {
          row.className = "gw-bar-row gw-none";
          continue;
        }
        const known = Number.isNaN(bar.after) ? 0 : bar.after;
        row.className = `gw-bar-row${bar.cut ? " gw-cut" : ""}${bar.chosen ? " gw-chosen" : ""}`;
        put(piece, bar.piece === undefined ? "…" : visible(bar.piece) || "⟨nothing⟩");
        put(raw, probability(bar.before));
        put(ruled, bar.cut || probability(bar.after));
        before.style.transform = `scaleX(${(bar.before || 0) / end})`;
        after.style.transform = `scaleX(${known / end})`;
      }
    },
  };
}
