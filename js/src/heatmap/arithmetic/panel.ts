// The arithmetic of the chosen cell, under the pictures: from query and key, left to right, to the head's output.
//
// A number that is pointed at, or has the focus, shows the formula that made it, and lights what went in. The parts
// unfold one by one (`step`); what is still folded keeps its room, so that nothing jumps while a class watches.
import { computed, type ReadonlySignal } from "@preact/signals-core";
import { type Child, follow, h, onEnd } from "../../dom";
import { type HeatTraits, stageOf } from "../../model";
import { whole } from "../../numbers";
import { iconButton } from "../../ui";
import { type Panels, quote } from "../panels";
import { type Cell, say, unfolded } from "./cell";
import { columns } from "./columns";
import { type Loaded, load } from "./load";

const TYPING = "input, textarea, select, [contenteditable]";

export function arithmetic(panels: Panels): Child {
  const { traits, wire, root, matrix, signal: ends } = panels;
  const loaded = load(traits, wire, panels.marked);
  const { open, cell, busy, trouble } = loaded;
  const shape = computed(() => (cell.value ? shapeOf(cell.value) : ""));
  let last: Cell;
  const current = computed(() => {
    last = cell.value ?? last; // what is shown of it ends in a moment
    return last;
  });
  const close = (): void => {
    const { direction, query, key } = traits;
    (direction.peek() === "from" ? key : query).value = null; // the text stays as it is coloured
    matrix.peek()?.focus();
  };
  const onkeydown = (event: KeyboardEvent): void => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    close();
  };
  const steps = (event: KeyboardEvent): void => {
    const by = event.key === "." ? 1 : event.key === "," ? -1 : 0;
    const there = cell.peek();
    const typing = event.target instanceof Element && event.target.matches(TYPING);
    if (by === 0 || !there || !open.peek() || typing || event.ctrlKey || event.metaKey || event.altKey)
      return;
    event.preventDefault();
    event.stopPropagation();
    move(traits, there, by);
  };
  root.addEventListener("keydown", steps, { signal: ends });
  return () =>
    open.value &&
    h(
      "section.gw-arithmetic",
      { "aria-label": "Arithmetic of the chosen cell", "aria-busy": () => busy.value, onkeydown },
      header(panels, loaded, close),
      () => trouble.value !== "" && h("p", { role: "alert" }, trouble.value),
      () => shape.value !== "" && body(panels, current),
    );
}

/** Cells whose arithmetic has the same steps are shown by the same elements, which costs a tenth. */
const shapeOf = ({ parts, steps }: Cell): string =>
  [...parts, ...steps.map(({ name, kind }) => `${name}/${kind}`)].join();

/** So many parts more or less. */
function move({ step }: HeatTraits, cell: Cell, by: number): void {
  step.value = unfolded(cell, unfolded(cell, step.peek()) + by);
}

/** The question, where it is asked, and how far the answer is unfolded. */
function header({ traits }: Panels, { cell }: Loaded, close: () => void): Child {
  const token = (which: 0 | 1): Child => {
    const place = [cell.value?.query ?? traits.query.value, cell.value?.key ?? traits.key.value][which];
    return h("bdi", {}, typeof place === "number" ? quote(traits, place) : "");
  };
  const where = (): string => {
    const { name, query, key } = cell.value ?? {};
    return name === undefined ? "" : `${name} · query ${whole(query ?? 0)}, key ${whole(key ?? 0)}`;
  };
  const steps = (): Child => {
    const there = cell.value;
    if (!there || there.parts.length < 2) return false;
    const now = computed(() => unfolded(there, traits.step.value));
    return [
      iconButton("back", "One step less (,)", () => move(traits, there, -1), {
        disabled: () => now.value === 0,
      }),
      h("span.gw-quiet.gw-steps", { "aria-live": "polite" }, () => `${now.value} of ${there.parts.length}`),
      iconButton("next", "One step more (.)", () => move(traits, there, 1), {
        disabled: () => now.value === there.parts.length,
      }),
    ];
  };
  return h(
    "header.gw-bar",
    {},
    h(
      "h3",
      {},
      "How much does ",
      () => token(0),
      " look at ",
      () => token(1),
      "?",
    ),
    h("span.gw-quiet", {}, where),
    h("span.gw-push"),
    h("div.gw-group", {}, steps),
    iconButton("close", "Close (Escape)", close),
  );
}

function body(panels: Panels, cell: ReadonlySignal<Cell>): Child {
  const { traits, theme } = panels;
  const made = columns(panels, cell);
  const observer = new ResizeObserver(() => {
    if (made.element.clientWidth !== made.width()) made.draw();
  });
  observer.observe(made.element);
  onEnd(() => observer.disconnect());
  follow(() => {
    void [theme.value, cell.value];
    made.draw();
  });
  return [
    h("div.gw-made", { "data-folded": () => unfolded(cell.value, traits.step.value) === 0 }, made.formula),
    made.element,
    () => {
      const facts = [...pictured(traits, cell.value), ...cell.value.facts];
      return (
        facts.length > 0 &&
        h(
          "ul.gw-facts.gw-quiet",
          {},
          facts.map((fact) => h("li", {}, fact)),
        )
      );
    },
  ];
}

/** Where the picture leaves out the first token, its number is another one than the weight here. */
function pictured(traits: HeatTraits, cell: Cell): string[] {
  const first = cell.keys[0]?.[0] === 0 ? cell.numbers.get("weights")?.[0] : undefined;
  const weight = cell.at === null ? undefined : cell.numbers.get("weights")?.[cell.at];
  const hidden = traits.hideSink.value && stageOf(traits) === "softmax" && cell.key > 0;
  if (!hidden || first === undefined || weight === undefined || first >= 1) return [];
  return [
    `The picture hides the first token, whose weight is ${say(first)}, and shows this cell's share of the rest: ${say(weight / (1 - first))}.`,
  ];
}
