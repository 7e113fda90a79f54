// What there is to do with a listing, where it stands: install, load, measure, verify, remove.
import { computed, type ReadonlySignal, signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { button } from "../ui";
import { bytes, licence } from "./format";
import { ended, jobLine, jobOf } from "./jobs";
import { type Action, action, type Shop } from "./shop";
import { termsOf } from "./terms";
import type { Job, Row, Shown } from "./types";

type Asking = "" | "licence" | "remove";

interface Verified {
  readonly file: string;
  /** "right", "changed", "missing" or "added". */
  readonly state: string;
}

export function actions(
  shop: Shop,
  name: string,
  row: ReadonlySignal<Row | undefined>,
  shown: ReadonlySignal<Shown | undefined>,
): Child {
  const { traits, live } = shop;
  const act = action(shop);
  const asking = signal<Asking>("");
  const verified = signal<readonly Verified[] | null>(null);
  const newest = (...kinds: string[]): Job | undefined => jobOf(traits.jobs.value, name, ...kinds);
  const running = (): Job | undefined => traits.jobs.value.find((job) => job.name === name && !ended(job));
  const under = computed(() => running()?.id);
  const run = async (kind: string, body = {}): Promise<void> => {
    verified.value = null;
    const answer = await act.run(kind, { name, ...body });
    if (answer) asking.value = "";
    if (answer && kind === "verify") verified.value = answer.content["rows"] as Verified[];
  };
  const off = (): boolean => act.busy.value || !live.value;
  const does = (label: Child, what: () => void, props = {}): Child =>
    button(label, what, { disabled: off, ...props });

  const loads = (): Child =>
    traits.modelName.value === name
      ? h("span.gw-loaded", {}, "Loaded: ", h("code", {}, "shop.model"))
      : does("Load", () => void run("load"), { class: "gw-button gw-accent" });
  const absent = (): Child => {
    const before = newest("install");
    const stopped = before?.state === "cancelled" || before?.state === "failed";
    const size = row.value?.weight_bytes;
    const label = stopped ? "Resume the install" : `Install${size ? ` · ${bytes(size)}` : ""}`;
    const begin = (): void => {
      const wanted = shown.value?.listing.terms?.accept ?? row.value?.gated;
      if (wanted) asking.value = "licence";
      else void run("install");
    };
    // It lies here already, and can be loaded from where it is; installed, its files are pinned and verified.
    const here = row.value?.origin === "machine";
    return [
      here && loads(),
      does(label, begin, here ? {} : { class: "gw-button gw-accent" }),
      row.value?.licence && h("span.gw-quiet", {}, `under ${licence(row.value.licence)}`),
    ];
  };
  const present = (): Child => [
    loads(),
    does("Measure", () => void run("measure"), { title: "How fast and how good it is on this computer" }),
    does("Verify", () => void run("verify"), { title: "Whether its files are still what they were" }),
    does("Remove", () => {
      asking.value = "remove";
    }),
  ];
  // A button under the hand stays while only figures change.
  return h(
    "div.gw-actions",
    {},
    () => {
      const id = under.value;
      if (id !== undefined) {
        let last = traits.jobs.peek().find((one) => one.id === id) as Job;
        const job = (): Job => {
          last = traits.jobs.value.find((one) => one.id === id) ?? last;
          return last;
        };
        return jobLine(job, act, false);
      }
      if (asking.value === "licence") return accept(shown, row, run, asking, act);
      if (asking.value === "remove") return remove(row, run, asking, act);
      return h("div.gw-group", {}, () => (row.value?.installed ? present() : absent()));
    },
    () => said(act, newest("install", "load", "measure", "check"), running),
    () => result(verified.value, (): void => void run("repair")),
  );
}

/** What went wrong last, in one sentence. */
function said({ error, busy }: Action, last: Job | undefined, running: () => Job | undefined): Child {
  if (busy.value || running()) return "";
  const words = error.value || (last?.state === "failed" ? last.error : "");
  return words && h("p.gw-error", { role: "alert" }, words);
}

/** The licence's own words, and whether it is accepted. */
function accept(
  shown: ReadonlySignal<Shown | undefined>,
  row: ReadonlySignal<Row | undefined>,
  run: (kind: string, body?: object) => Promise<void>,
  asking: { value: Asking },
  { busy }: Action,
): Child {
  const read = signal(false);
  return h(
    "div.gw-ask",
    { role: "group", "aria-label": "Licence" },
    h(
      "p",
      {},
      () =>
        `It is given under ${licence(row.value?.licence ?? "")}, which wants to be accepted before it is used.`,
    ),
    () => shown.value?.listing.terms && termsOf(shown.value.listing.terms),
    h(
      "label.gw-check",
      {},
      h("input", {
        type: "checkbox",
        checked: () => read.value,
        onchange: () => {
          read.value = !read.peek();
        },
      }),
      "I have read the licence and accept it",
    ),
    h(
      "div.gw-group",
      {},
      button("Install", () => void run("install", { accept: true }), {
        class: "gw-button gw-accent",
        disabled: () => !read.value || busy.value,
      }),
      button("Not now", () => {
        asking.value = "";
      }),
    ),
  );
}

function remove(
  row: ReadonlySignal<Row | undefined>,
  run: (kind: string) => Promise<void>,
  asking: { value: Asking },
  { busy }: Action,
): Child {
  const size = row.value?.weight_bytes;
  return h(
    "div.gw-ask",
    { role: "group", "aria-label": "Remove" },
    h(
      "p",
      {},
      `Remove its files${size ? `, about ${bytes(size)},` : ""} from this computer? Reviews and figures stay.`,
    ),
    h(
      "div.gw-group",
      {},
      button("Remove", () => void run("remove"), {
        class: "gw-button gw-danger",
        disabled: () => busy.value,
      }),
      button("Keep", () => {
        asking.value = "";
      }),
    ),
  );
}

/** What a look at all files found. */
function result(rows: readonly Verified[] | null, repair: () => void): Child {
  if (!rows) return "";
  const broken = rows.filter(({ state }) => state !== "right");
  if (broken.length === 0) {
    return h(
      "p.gw-quiet",
      { role: "status" },
      `All ${rows.length} files are what they were when it was installed.`,
    );
  }
  return h(
    "div.gw-ask",
    { role: "alert" },
    broken
      .slice(0, SHOWN)
      .map(({ file, state }) => h("p.gw-error", {}, `${file}: ${STATES[state] ?? state}`)),
    broken.length > SHOWN && h("p.gw-error", {}, `and ${broken.length - SHOWN} more`),
    h("div.gw-group", {}, button("Repair", repair)),
  );
}

const SHOWN = 5;
const STATES: Readonly<Record<string, string>> = {
  changed: "it has changed since it was installed",
  missing: "it is missing",
  added: "it was not there when it was installed",
};
