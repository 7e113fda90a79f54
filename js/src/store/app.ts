// The layout: what is looked for above; the listings, and beside them the one that is open (under 900 pixels of the
// widget's own width in their place); jobs below.
import { type Child, follow, h } from "../dom";
import { noteLines } from "../ui";
import { bar } from "./bar";
import { compare } from "./compare";
import { details } from "./details";
import { facets } from "./facets";
import { many } from "./format";
import { announced, jobs } from "./jobs";
import { list } from "./list";
import { publish } from "./publish";
import { queue } from "./queue";
import type { Shop } from "./shop";

const PANELS = { compare, publish, queue } as const;

export function app(shop: Shop): void {
  const { root, traits, place } = shop;
  root.append(
    h(
      "div.gw-all",
      {},
      () => traits.title.value !== "" && h("h2.gw-title", {}, traits.title.value),
      bar(shop),
      h("div.gw-filters", { hidden: () => place.value !== "" }, facets(shop)),
      h("div", {}, notes(shop)),
      h(
        "div.gw-desk",
        { "data-open": () => place.value === "" && traits.selected.value !== null },
        // Each in one element: what a part puts in later goes with it.
        (): Child => {
          const panel = place.value === "" ? list : PANELS[place.value];
          return h("main.gw-main", {}, panel(shop));
        },
        () => place.value === "" && traits.selected.value !== null && h("aside.gw-detail", {}, details(shop)),
      ),
      jobs(shop),
    ),
    h("p.gw-hidden", { "aria-live": "polite", role: "status" }, () => heard(shop)),
    h("p.gw-hidden", { "aria-live": "polite" }, () => {
      const last = traits.jobs.value.at(-1);
      return last ? announced(last) : "";
    }),
  );
  follow(() => {
    const { presentation, height, title, status } = traits;
    Object.assign(root.dataset, {
      status: status.value,
      open: traits.selected.value ?? "",
      place: place.value,
    });
    root.classList.toggle("gw-presentation", presentation.value);
    root.style.setProperty("--gw-height", `${height.value}px`);
    root.setAttribute("aria-label", title.value || "Model store");
    root.setAttribute("aria-busy", String(status.value === "searching"));
  });
  root.addEventListener("keydown", (event) => keys(shop, event), { signal: shop.signal });
}

const FIELDS = "input, textarea, select";

function keys({ root, traits, place, close }: Shop, event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (event.key === "/" && !target.matches(FIELDS)) {
    event.preventDefault();
    place.value = "";
    root.querySelector<HTMLElement>(".gw-search")?.focus();
  } else if (event.key === "Escape" && !target.matches(".gw-search")) {
    if (place.value !== "") {
      place.value = "";
      root.querySelector<HTMLElement>("[role=grid] [tabindex='0']")?.focus();
    } else if (traits.selected.value === null) return;
    else close();
    event.stopPropagation();
  }
}

/** How many were found, as a screen reader hears it. */
function heard({ traits }: Shop): string {
  const { found, status } = traits;
  if (status.value !== "ready" || found.value.total === undefined) return "";
  const corrected = found.value.corrected ? `, for ${found.value.corrected}` : "";
  return `${many(found.value.total, "model")}${corrected}`;
}

/** Quiet lines, where there is something to know. */
function notes({ traits, connection, said }: Shop): Child {
  return noteLines(() => {
    const all = [...traits.notes.value, ...(traits.found.value.missing ?? [])];
    if (traits.status.value === "closed")
      all.unshift("This store was closed. What it showed last can still be looked at.");
    else if (connection.value === "silent") {
      const what = traits.found.value.rows ? "this is what was saved" : "nothing was saved";
      all.unshift(`No kernel answers: ${what}. Run the cell to go on.`);
    }
    if (said.value) all.push(said.value);
    return all;
  });
}
