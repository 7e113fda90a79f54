// The store browser's traits as signals. The names are those of gptwidgets/widgets/store/settings.py, in camelCase.
import type { ReadonlySignal, Signal } from "@preact/signals-core";
import { type AnyModel, type Bound, bindTraits } from "../bind";
import type { WidgetError } from "../model";
import type { Found, Job, Verdict } from "./types";

export type Status = "empty" | "searching" | "ready" | "error" | "closed";

export interface Info {
  readonly user?: string;
  readonly use_cases?: readonly string[];
  /** How many listings can be compared. */
  readonly compared?: number;
}

/** What a person, or Python, sets; changes here are saved to the model. */
export interface Written {
  query: string;
  /** Where to look; null for the catalogue and this machine. */
  source: "embedded" | "machine" | "hub" | null;
  useCase: string | null;
  language: string | null;
  licence: string | null;
  publisher: string | null;
  maxMemory: number | null;
  installed: boolean | null;
  fits: boolean | null;
  sort: string;
  descending: boolean | null;
  limit: number;
  selected: string | null;
  compared: readonly string[];
  view: "cards" | "table";
  title: string;
  height: number;
  presentation: boolean;
}

/** What only Python writes. */
export interface Told {
  status: Status;
  error: WidgetError;
  notes: readonly string[];
  info: Info;
  found: Found;
  verdicts: Readonly<Record<string, Verdict>>;
  jobs: readonly Job[];
  changes: number;
  modelName: string;
}

export type StoreTraits = { readonly [Name in keyof Written]: Signal<Written[Name]> } & {
  readonly [Name in keyof Told]: ReadonlySignal<Told[Name]>;
};

const written = (): Written => ({
  query: "",
  source: null,
  useCase: null,
  language: null,
  licence: null,
  publisher: null,
  maxMemory: null,
  installed: null,
  fits: null,
  sort: "relevance",
  descending: null,
  limit: 50,
  selected: null,
  compared: [],
  view: "cards",
  title: "",
  height: 640,
  presentation: false,
});

const told = (): Told => ({
  status: "empty",
  error: {},
  notes: [],
  info: {},
  found: {},
  verdicts: {},
  jobs: [],
  changes: 0,
  modelName: "",
});

/** The kernel hears of a search when the typing rests. */
const TYPING = 120;

export function storeTraits(
  model: AnyModel,
  ends: AbortSignal,
): { readonly traits: Bound<Written, Told>; readonly flush: () => void } {
  return bindTraits<Written, Told>(model, written(), told(), ends, { query: TYPING });
}
