// What a job says of itself.
import type { ReadonlySignal } from "@preact/signals-core";
import { type Child, h } from "./dom";
import type { Progress } from "./model";
import { timeLeft, whole } from "./numbers";
import { button } from "./ui";

/** How far a job is, as a share; undefined where its end is unknown. */
export function share({ done, total }: Progress): number | undefined {
  return done === undefined || !total ? undefined : Math.max(0, Math.min(1, done / total));
}

/** What a job says of itself: "12 of 30 layers · 40 % · about 8 s left". */
export function jobLine(progress: Progress): string {
  const { done = 0, total, unit = "", seconds_left: left } = progress;
  const part = share(progress);
  const bytes = unit === "B" || unit === "bytes";
  const count = (value: number): string => whole(Math.round(bytes ? value / 1e6 : value));
  const amount =
    part === undefined || (total ?? 0) <= 1
      ? ""
      : `${count(done)} of ${count(total ?? 0)} ${bytes ? "MB" : unit}`.trim();
  const share100 = part === undefined ? "" : `${Math.floor(part * 100)} %`;
  return [amount, share100, timeLeft(left)].filter(Boolean).join(" · ") || "one moment";
}

/**
 * The job under way: its stage, a bar, how long it still takes, and Stop.
 *
 * @param unnamed its stage, until the kernel has said one.
 */
export function jobCard(progress: ReadonlySignal<Progress>, unnamed: () => string, stop: () => void): Child {
  const stage = (): string => {
    const words = progress.value.stage || unnamed();
    return words.charAt(0).toUpperCase() + words.slice(1);
  };
  return h(
    "div.gw-card.gw-job",
    { role: "status" },
    h("h3", {}, stage),
    () => {
      const value = share(progress.value);
      return h("progress", { "aria-label": "Progress", max: 1, ...(value !== undefined && { value }) });
    },
    h(
      "div.gw-bar",
      {},
      h("span.gw-quiet", {}, () => jobLine(progress.value)),
      h("span.gw-push"),
      button("Stop", stop),
    ),
  );
}
