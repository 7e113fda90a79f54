// The legend: the scale's colours with their numbers, the cell under the pointer, and what is left out.

import type { Palette } from "../color";
import { weight } from "./format";
import { type Panels, quote } from "./panels";

const STOPS = 32;

/** The map as a CSS gradient, even along the legend. */
export function gradient(palette: Palette): string {
  const stops = Array.from({ length: STOPS + 1 }, (_, k) => palette.cssAt(k / STOPS));
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

/** What the legend says beside its numbers. */
export function remark(hideSink: boolean, signed = false): string {
  if (signed) return "";
  return hideSink ? "first token hidden, rows renormalised" : "";
}

export function Legend({ panels }: { panels: Panels }) {
  const { traits, hover } = panels;
  const palette = panels.palette.value;
  const note = remark(traits.hideSink.value, palette.signed);
  const cell = hover.value;
  return (
    <footer class="gw-legend">
      <figure aria-label={`Colours from ${palette.ticks[0]?.label} to ${palette.ticks.at(-1)?.label}`}>
        <div class="gw-ramp" style={{ background: gradient(palette) }} />
        {palette.ticks.map(({ at, label }) => (
          <span key={label} style={{ left: `${at * 100}%` }}>
            {label}
          </span>
        ))}
      </figure>
      <span class="gw-quiet gw-remark">{note}</span>
      <span class="gw-push" />
      <output class="gw-readout" aria-live="off">
        {cell && cell.row >= 0 && cell.col >= 0 && (
          <>
            <span>
              <bdi>{quote(traits, cell.row)}</bdi> <small>{cell.row}</small>
            </span>
            <span class="gw-quiet">→</span>
            <span>
              <bdi>{quote(traits, cell.col)}</bdi> <small>{cell.col}</small>
            </span>
            <b>{reading(cell)}</b>
          </>
        )}
      </output>
    </footer>
  );
}

function reading({ value, near }: { value?: number; near?: number }): string {
  if (value !== undefined) return Number.isNaN(value) ? "masked" : weight(value);
  return near === undefined ? "" : Number.isNaN(near) ? "masked" : `≈ ${near.toPrecision(2)}`;
}
