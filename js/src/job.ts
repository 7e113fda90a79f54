// What a job says of itself.
import type { Progress } from "./model";
import { timeLeft, whole } from "./numbers";

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
