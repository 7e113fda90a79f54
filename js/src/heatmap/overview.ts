// The overview's pane: how the heads are ordered and left out above the grid, what its marks mean below it.
import type { Signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { jobLine } from "../job";
import type { HeatTraits, Sort } from "../model";
import { whole } from "../numbers";
import { button, iconButton, type Options, pick, popover, toggle } from "../ui";
import { score } from "./format";
import { grid } from "./grid";
import { column } from "./layout";
import type { Panels } from "./panels";

/** Tokens; of shorter texts the exact scores follow by themselves. */
const EXACT_SOON = 1024;

const ORDERS: Options<Sort> = [
  ["", "by layer"],
  ["entropy", "by entropy"],
  ["distance", "by distance"],
  ["first", "by first token"],
  ["previous", "by previous token"],
  ["same", "by same token"],
  ["induction", "by induction"],
  ["effect", "by effect"],
  ["direct", "by direct share"],
  ["value", "by value norm"],
  ["own", "by own score"],
];

/** What the tints mean that somebody asks for. */
const MEANT: Record<string, string> = {
  effect: "nats: blue spoke for the word",
  direct: "logits: blue against the word",
  value: "writes: ‖α v W_O‖ a token",
};

export function overview(panels: Panels): Child {
  const { traits } = panels;
  const { sort, descending, info } = traits;
  const orders = (): Options<Sort> =>
    ORDERS.filter(([name]) => name === "" || name === sort.value || measures(traits).includes(name)).map(
      ([name, words]) => [name, name === "own" ? `by ${called(traits, name)}` : words],
    );
  const turn = (): void => {
    descending.value = !descending.peek();
  };
  return h(
    "section.gw-overview",
    { "aria-label": "Overview of all heads" },
    h(
      "header.gw-bar",
      {},
      h("h3", {}, () =>
        info.value.layers ? `${info.value.layers.length} × ${info.value.n_heads} heads` : "Heads",
      ),
      h("span.gw-push"),
      () =>
        sort.value !== "" &&
        (descending.value
          ? iconButton("down", "Highest first; turn round", turn)
          : iconButton("up", "Lowest first; turn round", turn)),
      pick("Order of the heads", sorting(panels), orders),
      popover(
        (onclick, props) => iconButton("more", "Means, maxima, filter", onclick, props),
        () => sheet(panels),
      ),
    ),
    grid(panels),
    h("footer.gw-bar.gw-quiet", {}, () => marks(panels)),
  );
}

/** The scores that are there, and induction where there is a model that it can be measured of. */
function measures({ scores, info }: HeatTraits): readonly string[] {
  const columns = scores.value.columns ?? [];
  return info.value.model && !columns.includes("induction") ? [...columns, "induction"] : columns;
}

/** A score's name: one's own has the name that it was given. */
const called = ({ scores }: HeatTraits, name: string): string =>
  name === "own" ? scores.value.own || "own score" : name;

/** What the tint by one's own score means. */
function ofOwn(traits: HeatTraits): string {
  const values = [...column(traits.scores.value, "own").values()].filter(Number.isFinite);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const ends = least < 0 ? `blue below zero, ${score(least)} … ${score(most)}` : `up to ${score(most)}`;
  return `${called(traits, "own")}: ${ends}`;
}

/** The order; a new one begins with what is most worth seeing: sharp heads, otherwise high scores. */
function sorting({ traits, ask }: Panels): Signal<Sort> {
  return {
    get value() {
      return traits.sort.value;
    },
    set value(name: Sort) {
      traits.sort.value = name;
      traits.descending.value = name !== "entropy" && name !== "effect";
      if (name === "induction" && !traits.scores.peek().induction) ask("induction");
    },
  } as Signal<Sort>;
}

function sheet({ traits }: Panels): Child {
  const { scores, filter, sort, color, aggregates } = traits;
  const tints = (): Options<Sort> => [
    ["", "nothing"],
    ...measures(traits).map((one) => [one, called(traits, one)] as [Sort, string]),
  ];
  const name = (): string => filter.value[0] ?? (sort.value || scores.value.columns?.[0] || "");
  const range = (of: string): [number, number] => {
    const values = [...column(scores.value, of).values()].filter(Number.isFinite);
    return values.length > 0 ? [Math.min(...values), Math.max(...values)] : [0, 1]; // not measured yet: a share
  };
  const chosen = {
    get value() {
      return name();
    },
    set value(to: string) {
      filter.value = [to, ...range(to)];
    },
  } as Signal<string>;
  const limits = (): [string, number, number] => {
    const now = filter.value;
    return now.length === 0 ? [name(), ...range(name())] : [...now];
  };
  const field = (end: 1 | 2, label: string): Child => {
    const input = h("input.gw-number", {
      type: "number",
      step: "any",
      "aria-label": label,
      value: () => Number(limits()[end].toPrecision(3)),
      onchange: () => {
        const all = limits();
        all.splice(end, 1, Number((input as HTMLInputElement).value));
        filter.value = all;
      },
    });
    return input;
  };
  return h(
    "div.gw-form",
    {},
    h("div.gw-bar", {}, "Tint by", pick("Score to tint the cells by", color, tints)),
    toggle("Means and maxima", "Further rows and columns: over heads, over layers", aggregates),
    h(
      "div.gw-bar",
      {},
      "Only",
      pick("Score to filter by", chosen, () =>
        measures(traits).map((one) => [one, called(traits, one)] as const),
      ),
      field(1, "from"),
      "–",
      field(2, "to"),
    ),
    button(
      "All heads",
      () => {
        filter.value = [];
      },
      { disabled: () => filter.value.length === 0 },
    ),
  );
}

/** One line that is always there: how many heads are left, the marks, and whether rows were sampled. */
function marks({ traits, ask, arrangement }: Panels): Child {
  const { n_heads: heads = 0, n_kv_heads: shared = 0, windows = [] } = traits.info.value;
  const { cells, ranked } = arrangement.value;
  const kept = cells.filter((cell) => cell.kept).length;
  return [
    ((traits.sort.value !== "" && !ranked) || lacks(traits, traits.filter.value[0])) &&
      h("span", {}, traits.sort.value in MEANT ? "not measured yet" : "measuring…"),
    traits.filter.value.length > 0 && h("span", {}, `${whole(kept)} heads left`),
    !ranked && shared > 0 && shared < heads && h("span", {}, h("i.gw-bracket"), "shared keys"),
    !ranked && windows.some(Boolean) && h("span", {}, h("i.gw-dots"), "sliding window"),
    measures(traits).includes(traits.color.value) && h("span", {}, MEANT[traits.color.value]),
    traits.color.value === "own" && measures(traits).includes("own") && h("span", {}, ofOwn(traits)),
    traits.status.value === "ready" && traits.progress.value.stage
      ? h(
          "span",
          {},
          `${traits.progress.value.stage} · ${jobLine(traits.progress.value)} `,
          link("stop", () => ask("stop")),
        )
      : traits.scores.value.sampled &&
        traits.length.value > EXACT_SOON &&
        h(
          "span",
          { title: "Scores and thumbnails from 64 queries a head, spread evenly over the text" },
          "sampled ",
          link("compute exactly", () => ask("scores", { exact: true })),
        ),
  ];
}

/** Whether a score that is asked for is still on its way. */
const lacks = ({ scores }: HeatTraits, name: string | undefined): boolean =>
  name !== undefined && !scores.value.columns?.includes(name);

const link = (words: string, onclick: () => void): Child =>
  h("button.gw-link", { type: "button", onclick }, words);
