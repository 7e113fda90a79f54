// What narrows the search, with how many listings each leaves.
import type { Signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { button, type Options, pick } from "../ui";
import { bytes, language, licence, total } from "./format";
import type { Shop } from "./shop";
import type { Counted } from "./types";

const MEMORY = [1, 2, 4, 8, 16, 32, 64].map((gigabytes) => gigabytes * 1e9);

/** A value of a list, as the list's text, and back. */
interface Choice<Value> {
  readonly label: string;
  readonly any: string;
  readonly chosen: Signal<Value | null>;
  readonly options: () => Options<string>;
  readonly read: (text: string) => Value;
}

/** How many listings a facet's value leaves; "" where nobody counted. */
export function count(counted: Counted | undefined, value: string | boolean): string {
  const word = typeof value === "boolean" ? (value ? "yes" : "no") : value;
  const found = counted?.find(([one]) => one === value || one === word);
  if (!counted) return "";
  return found ? total(found[1]) : "0";
}

export function facets(shop: Shop): Child {
  const { traits } = shop;
  const facet = (name: string): Counted | undefined => traits.found.value.facets?.[name];
  const again = (): void => {
    traits.limit.value = 50;
  };
  const narrow = <Value>({ label, any, chosen, options, read }: Choice<Value>): Child => {
    const text = {
      get value() {
        return chosen.value === null ? "" : String(chosen.value);
      },
      set value(wanted: string) {
        chosen.value = wanted === "" ? null : read(wanted);
        again();
      },
    } as Signal<string>;
    const all = (): Options<string> => {
      const there = options();
      const now = text.value;
      // What Python chose and no listing has stays in the list.
      const own = now !== "" && !there.some(([value]) => value === now) ? [[now, now] as const] : [];
      return [["", any], ...own, ...there];
    };
    return h("span", { "data-set": () => chosen.value !== null }, pick(label, text, all));
  };
  const named =
    (name: string, called: (value: string) => string = String): (() => Options<string>) =>
    () =>
      (facet(name) ?? []).map(
        ([value, n]) => [String(value), `${called(String(value))} (${total(n)})`] as const,
      );
  const two =
    (name: string, yes: string, no: string): (() => Options<string>) =>
    () =>
      (
        [
          [true, yes],
          [false, no],
        ] as const
      ).map(([value, label]) => {
        const n = count(facet(name), value);
        return [String(value), n ? `${label} (${n})` : label] as const;
      });
  const truth = (text: string): boolean => text === "true";
  return [
    h("div.gw-uses", { role: "group", "aria-label": "What it is for" }, () =>
      (traits.info.value.use_cases ?? []).map((use) => {
        const n = (): string => count(facet("use_case"), use);
        return button(
          [use, h("small", {}, n)],
          () => {
            traits.useCase.value = traits.useCase.peek() === use ? null : use;
            again();
          },
          {
            "aria-pressed": () => traits.useCase.value === use,
            "data-none": () => n() === "0" && traits.useCase.value !== use,
          },
        );
      }),
    ),
    h(
      "div.gw-narrow",
      { role: "group", "aria-label": "Only those" },
      narrow({
        label: "Licence",
        any: "Any licence",
        chosen: traits.licence,
        options: named("licence", licence),
        read: String,
      }),
      narrow({
        label: "Language",
        any: "Any language",
        chosen: traits.language,
        options: named("language", language),
        read: String,
      }),
      narrow({
        label: "Publisher",
        any: "Any publisher",
        chosen: traits.publisher,
        options: named("publisher"),
        read: String,
      }),
      narrow({
        label: "Memory",
        any: "Any memory",
        chosen: traits.maxMemory,
        options: () => {
          const own = traits.maxMemory.value;
          const all = own === null || MEMORY.includes(own) ? MEMORY : [...MEMORY, own].sort((a, b) => a - b);
          return all.map((size) => {
            const amount = bytes(size).replace(".0 ", " ");
            const n = facet("memory")?.find(([one]) => one === `up to ${amount}`);
            return [String(size), `At most ${amount}${n ? ` (${total(n[1])})` : ""}`] as const;
          });
        },
        read: Number,
      }),
      narrow({
        label: "Fits",
        any: "Fits or not",
        chosen: traits.fits,
        options: two("fits", "Fits here", "Does not fit"),
        read: truth,
      }),
      narrow({
        label: "Installed",
        any: "Installed or not",
        chosen: traits.installed,
        options: two("installed", "Installed", "Not installed"),
        read: truth,
      }),
      () => narrowed(shop) && button("Clear", () => clear(shop), { title: "Take all of these away" }),
    ),
  ];
}

const FILTERS = ["useCase", "licence", "language", "publisher", "maxMemory", "fits", "installed"] as const;

/** Whether anything besides the words narrows the search. */
export const narrowed = ({ traits }: Shop): boolean => FILTERS.some((name) => traits[name].value !== null);

export function clear({ traits }: Shop): void {
  for (const name of FILTERS) traits[name].value = null;
}
