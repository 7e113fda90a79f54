// The overview's pane: how the heads are ordered and left out above the grid, what its marks mean below it.

import type { Sort } from "../model";
import { whole } from "./format";
import { Grid } from "./Grid";
import { column } from "./layout";
import type { Panels } from "./panels";
import { Button, Pick, Popover, Switch } from "./ui";

const ORDERS: readonly (readonly [Sort, string])[] = [
  ["", "By layer"],
  ["entropy", "By entropy"],
  ["distance", "By mean distance"],
  ["first", "By first token"],
  ["previous", "By previous token"],
  ["same", "By same token"],
  ["induction", "By induction"],
];

export function Overview({ panels }: { panels: Panels }) {
  const { traits, wire } = panels;
  const { layers = [], n_heads: heads = 0 } = traits.info.value;
  const { columns = [], induction } = traits.scores.value;
  const sort = traits.sort.value;
  const orders = ORDERS.filter(([name]) => name === "" || name === "induction" || columns.includes(name));
  const setSort = (name: string): void => {
    traits.sort.value = name as Sort;
    traits.descending.value = name !== "entropy"; // the sharpest heads first
    if (name === "induction" && !induction) wire.request("induction").catch(() => undefined);
  };
  return (
    <section class="gw-overview" aria-label="Overview of all heads">
      <header class="gw-bar">
        <h3>{layers.length > 0 ? `${whole(layers.length)} × ${whole(heads)} heads` : "Heads"}</h3>
        <span class="gw-push" />
        {sort !== "" && (
          <Button
            label={traits.descending.value ? "Highest first; turn round" : "Lowest first; turn round"}
            icon={traits.descending.value ? "down" : "up"}
            onClick={() => {
              traits.descending.value = !traits.descending.value;
            }}
          />
        )}
        <Pick label="Order of the heads" value={sort} options={orders} onChange={setSort} />
        <Popover label="Means, maxima and filter" icon="more">
          {() => <Sheet panels={panels} />}
        </Popover>
      </header>
      <Grid panels={panels} />
      <Marks panels={panels} />
    </section>
  );
}

function Sheet({ panels: { traits } }: { panels: Panels }) {
  const { scores, filter, sort, aggregates } = traits;
  const name = filter.value[0] ?? (sort.value || scores.value.columns?.[0] || "");
  const values = [...column(scores.value, name).values()].filter(Number.isFinite);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const [low, high] =
    filter.value.length > 0 ? [filter.value[1] ?? least, filter.value[2] ?? most] : [least, most];
  const set = (from: number, to: number): void => {
    filter.value = from <= least && to >= most ? [] : [name, from, to];
  };
  const step = 10 ** Math.floor(Math.log10(Math.max(1e-6, most - least) / 50));
  const field = (label: string, value: number, change: (value: number) => void) => (
    <label>
      {label}
      <input
        type="number"
        class="gw-number"
        step={step}
        value={Number(value.toPrecision(3))}
        onChange={(event) => {
          const typed = event.currentTarget.valueAsNumber;
          if (Number.isFinite(typed)) change(typed);
        }}
      />
    </label>
  );
  return (
    <div class="gw-form">
      <Switch
        label="Means and maxima"
        meaning="Further rows and columns: the mean and the maximum over heads and over layers"
        checked={aggregates.value}
        onChange={(on) => {
          aggregates.value = on;
        }}
      />
      {values.length > 0 && (
        <fieldset>
          <legend>Only heads with</legend>
          <Pick
            label="Score to filter by"
            value={name}
            options={(scores.value.columns ?? []).map((one) => [one, one])}
            onChange={(one) => {
              const range = [...column(scores.value, one).values()].filter(Number.isFinite);
              filter.value = [one, Math.min(...range), Math.max(...range)];
            }}
          />
          {field("from", low, (value) => set(value, high))}
          {field("to", high, (value) => set(low, value))}
          <Button
            label="All heads"
            text="All heads"
            disabled={filter.value.length === 0}
            onClick={() => {
              filter.value = [];
            }}
          />
        </fieldset>
      )}
    </div>
  );
}

/** One line that is always there: marks, how many heads the filter keeps, and whether rows were sampled. */
function Marks({ panels }: { panels: Panels }) {
  const { traits, wire, arrangement } = panels;
  const { n_heads: heads = 0, n_kv_heads: shared = 0, windows = [] } = traits.info.value;
  const sampled = traits.scores.value.sampled ?? traits.info.value.sampled ?? false;
  const { cells, ranked } = arrangement.value;
  const left = ranked ? cells.length : cells.filter((cell) => cell.kept).length;
  return (
    <footer class="gw-bar gw-quiet">
      {traits.filter.value.length > 0 && <span>{whole(left)} heads kept</span>}
      {!ranked && shared > 0 && shared < heads && (
        <span>
          <i class="gw-bracket" /> share keys and values
        </span>
      )}
      {!ranked && windows.some(Boolean) && (
        <span>
          <i class="gw-dots" /> sliding window
        </span>
      )}
      {sampled && (
        <span>
          scores from sampled rows{" "}
          <button
            type="button"
            class="gw-link"
            onClick={() => wire.request("scores", { exact: true }).catch(() => undefined)}
          >
            compute exactly
          </button>
        </span>
      )}
    </footer>
  );
}
