// What people say of a listing, and what one says oneself.
import { computed, type ReadonlySignal, signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { button } from "../ui";
import { day, distribution, many } from "./format";
import { keyed } from "./keyed";
import { action, type Shop } from "./shop";
import { five, starPicker } from "./stars";
import type { Review, Shown } from "./types";

export function reviews(shop: Shop, shown: () => Shown): Child {
  const { traits } = shop;
  const user = (): string => traits.info.value.user ?? "";
  const mine = computed(() => shown().reviews.find(({ person }) => person === user()));
  const others = (): readonly Review[] => shown().reviews.filter(({ person }) => person !== user());
  // A report that is being written stays while the store changes.
  const said = h("div");
  keyed(
    said,
    others,
    ({ id }) => String(id),
    (review) => opinion(shop, review),
  );
  return [
    () => shown().reviews.length > 0 && bars(shown().reviews),
    own(shop, shown().listing.name, mine),
    () => shown().reviews.length === 0 && h("p.gw-quiet", {}, "Nobody has reviewed it yet."),
    said,
  ];
}

function bars(all: readonly Review[]): Child {
  const counts = distribution(all);
  const most = Math.max(...counts, 1);
  return h(
    "table.gw-spread",
    { "aria-label": `Stars of ${many(all.length, "review")}` },
    counts.map((count, at) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, `${5 - at} `, h("span.gw-star", { "aria-hidden": "true" }, "★")),
        h("td", { "aria-hidden": "true" }, h("i", { style: `width:${((100 * count) / most).toFixed(1)}%` })),
        h("td", { "data-kind": "number" }, count),
      ),
    ),
  );
}

/** One's own review: to write, to change, to take back. */
function own(shop: Shop, name: string, mine: ReadonlySignal<Review | undefined>): Child {
  const act = action(shop);
  const editing = signal(false);
  const form = (): Child => {
    const stars = signal(mine.peek()?.stars ?? 0);
    const words = h("textarea", {
      rows: 3,
      "aria-label": "Review in words",
      placeholder: "What is it good for, and what not?",
    }) as HTMLTextAreaElement;
    words.value = mine.peek()?.words ?? "";
    const save = async (): Promise<void> => {
      if (await act.run("review", { name, stars: stars.peek(), words: words.value })) editing.value = false;
    };
    return h(
      "div.gw-ask",
      { role: "group", "aria-label": "Your review" },
      starPicker(stars),
      words,
      () => act.error.value && h("p.gw-error", { role: "alert" }, act.error.value),
      h(
        "div.gw-group",
        {},
        button("Save", () => void save(), {
          class: "gw-button gw-accent",
          disabled: () => stars.value === 0 || act.busy.value || !shop.live.value,
        }),
        button("Cancel", () => {
          act.error.value = "";
          editing.value = false;
        }),
      ),
    );
  };
  const edit = (): void => {
    editing.value = true;
  };
  const written = computed(() => mine.value !== undefined); // its buttons stay while the store is read anew
  return () => {
    if (editing.value) return form();
    if (!written.value)
      return h("p", {}, button("Write a review", edit, { disabled: () => !shop.live.value }));
    return h(
      "div.gw-opinion.gw-own",
      {},
      h(
        "p.gw-bar",
        {},
        () => mine.value && five(mine.value.stars),
        h("span.gw-quiet", {}, () => mine.value && `you, ${day(mine.value.changed_at)}`),
      ),
      () => mine.value?.words && h("p.gw-words", { dir: "auto" }, mine.value.words),
      () => act.error.value && h("p.gw-error", { role: "alert" }, act.error.value),
      h(
        "div.gw-group",
        {},
        button("Change", edit),
        button("Take back", () => void act.run("unreview", { name }), { disabled: () => act.busy.value }),
      ),
    );
  };
}

function opinion(shop: Shop, review: ReadonlySignal<Review>): HTMLElement {
  const act = action(shop);
  const state = signal<"" | "asking" | "sent">("");
  const report = (): Child => {
    const words = h("input.gw-replace", {
      type: "text",
      "aria-label": "What is wrong with this review",
      placeholder: "What is wrong with it?",
    }) as HTMLInputElement;
    const send = async (): Promise<void> => {
      if (await act.run("report", { review: review.peek().id, words: words.value })) state.value = "sent";
    };
    return h(
      "div.gw-group",
      {},
      words,
      button("Report", () => void send(), { disabled: () => act.busy.value }),
      button("Cancel", () => {
        state.value = "";
      }),
    );
  };
  return h(
    "div.gw-opinion",
    {},
    h(
      "p.gw-bar",
      {},
      () => five(review.value.stars),
      h("span.gw-quiet", {}, () =>
        [review.value.person, day(review.value.changed_at)].filter(Boolean).join(", "),
      ),
      h("span.gw-push"),
      () =>
        state.value === "" &&
        button(
          "Report",
          () => {
            state.value = "asking";
          },
          { title: "Tell a reviewer that this is abuse" },
        ),
    ),
    () => review.value.words && h("p.gw-words", { dir: "auto" }, review.value.words),
    () =>
      state.value === "asking"
        ? report()
        : state.value === "sent" && h("p.gw-quiet", { role: "status" }, "Reported. A reviewer reads it."),
    () => act.error.value && h("p.gw-error", { role: "alert" }, act.error.value),
  );
}
