// Installs, measurements and loads: what each says of itself, and where it stands.
import { type Child, h } from "../dom";
import { share } from "../job";
import { timeLeft, whole } from "../numbers";
import { button, iconButton } from "../ui";
import { bytes } from "./format";
import { type Action, action, type Shop } from "./shop";
import type { Job } from "./types";

export const ended = ({ state }: Job): boolean => state !== "waiting" && state !== "running";

/** The newest job of a model, of these kinds. */
export function jobOf(all: readonly Job[], name: string, ...kinds: readonly string[]): Job | undefined {
  return all.findLast((job) => job.name === name && kinds.includes(job.kind));
}

const DOES: Readonly<Record<string, string>> = {
  install: "Installing",
  measure: "Measuring",
  check: "Checking",
  publish: "Publishing",
  load: "Loading",
};
const DID: Readonly<Record<string, string>> = {
  install: "is installed",
  measure: "was measured",
  check: "was checked",
  publish: "was published",
  load: "is loaded",
};

/** "Installing gpt2". */
export const doing = ({ kind, name }: Job): string => `${DOES[kind] ?? kind} ${name}`;

/** What a job's figures say: "130 of 540 MB · 24 % · 24 MB/s · about 17 s left". */
export function figures(job: Job): string {
  const { state, done, total, unit, speed, left_s: left, position } = job;
  if (state === "waiting")
    return position > 0 ? `waits for ${position === 1 ? "one job" : `${position} jobs`}` : "waits";
  const size = unit === "bytes" || unit === "B";
  const part = share({ done, total });
  const amount = (value: number): string => (size ? bytes(value) : whole(Math.round(value)));
  const said = [
    part === undefined || (total ?? 0) <= 1
      ? ""
      : `${amount(done)} of ${amount(total ?? 0)}${size || !unit ? "" : ` ${unit}`}`,
    part === undefined ? "" : `${Math.floor(part * 100)} %`,
    size && speed ? `${bytes(speed)}/s` : "",
    timeLeft(left),
  ];
  return said.filter(Boolean).join(" · ") || "one moment";
}

const PERCENT = /\d+ %/u;

/** What stands beside a listing that a job is about: "24 %". */
export const briefly = (job: Job): string =>
  PERCENT.exec(figures(job))?.[0] ?? (job.state === "waiting" ? "waits" : "under way");

/** What a screen reader hears of a job; nothing of its progress, which the bar itself tells. */
export function announced(job: Job): string {
  if (job.state === "failed") return `${doing(job)} failed: ${job.error ?? ""}`;
  if (job.state === "cancelled") return `${doing(job)} was stopped.`;
  return job.state === "done" ? `${job.name} ${DID[job.kind] ?? "is done"}.` : `${doing(job)}.`;
}

/** A job under way: stage, bar, figures, Stop. */
export function jobLine(job: () => Job, stop: Action, named: boolean): Child {
  const part = (): number | undefined => share({ done: job().done, total: job().total });
  return h(
    "div.gw-job.gw-line",
    { "data-state": () => job().state },
    h("span.gw-stage", {}, () =>
      named ? doing(job()) : job().state === "waiting" ? "Waiting" : capital(job().stage),
    ),
    // A bar without a value is one whose end nobody knows: it is another element, since a value stays.
    () =>
      part() === undefined
        ? h("progress", { max: 1, "aria-label": () => doing(job()) })
        : h("progress", { max: 1, value: () => part() ?? 0, "aria-label": () => doing(job()) }),
    h("span.gw-quiet.gw-figures", {}, () => figures(job())),
    button("Stop", () => void stop.run("cancel", { job: job().id }), {
      "aria-label": () => `Stop ${doing(job())}`,
    }),
  );
}

const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);

/** Under everything: the jobs of models that are not open. */
export function jobs(shop: Shop): Child {
  const { traits, live } = shop;
  const stop = action(shop);
  const ids = (): string =>
    traits.jobs.value
      .filter((job) => job.name !== traits.selected.value || shop.place.value !== "")
      .filter((job) => !ended(job) || job.state === "failed")
      .map(({ id }) => id)
      .join(" ");
  const one = (id: string): Child => {
    let last = traits.jobs.peek().find((first) => first.id === id) as Job;
    const job = (): Job => {
      last = traits.jobs.value.find((other) => other.id === id) ?? last;
      return last;
    };
    return h("div", {}, () =>
      job().state === "failed"
        ? h(
            "p.gw-line.gw-error",
            {},
            h("span", {}, announced(job())),
            iconButton("close", "Take this line away", () => void stop.run("dismiss", { job: id })),
          )
        : jobLine(job, stop, true),
    );
  };
  return h("div.gw-jobs", { "aria-label": "Jobs", role: "group", hidden: () => !live.value }, () =>
    ids().split(" ").filter(Boolean).map(one),
  );
}
