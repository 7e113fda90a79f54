// What comes over the wire. The names are those of the store's tables.

/** A listing as a search finds it; sizes in bytes, null where nobody knows. */
export interface Row {
  readonly name: string;
  readonly title: string;
  readonly publisher: string;
  readonly summary: string;
  /** Its SPDX name. */
  readonly licence: string;
  readonly use_cases: readonly string[];
  readonly languages: readonly string[];
  readonly architecture: string | null;
  readonly parameters: number | null;
  readonly context_length: number | null;
  readonly weight_bytes: number | null;
  readonly memory_bytes: number | null;
  /** Their mean, from 1 to 5. */
  readonly stars: number | null;
  readonly reviews: number | null;
  readonly installed: boolean;
  readonly status: string;
  readonly origin: string;
  /** Whether its licence wants to be accepted. */
  readonly gated: boolean;
  readonly tokens_per_second: number | null;
  readonly first_token_s: number | null;
  readonly peak_bytes: number | null;
  readonly bits_per_byte: number | null;
}

/** Value and how many listings have it. */
export type Counted = readonly (readonly [value: string | boolean, count: number])[];

export interface Found {
  readonly rows?: readonly Row[];
  readonly total?: number;
  readonly capped?: boolean;
  /** The words that were searched for instead; "" for those that were asked. */
  readonly corrected?: string;
  readonly facets?: Readonly<Record<string, Counted>>;
  readonly words?: string;
  readonly limit?: number;
  readonly source?: string | null;
  /** What could not be looked through, a sentence each. */
  readonly missing?: readonly string[];
}

export interface Verdict {
  /** Null where nobody can say. */
  readonly fits: boolean | null;
  readonly why: string;
  readonly total: number | null;
  readonly free: number | null;
}

export interface Fit extends Verdict {
  readonly weights: number;
  readonly cache: number;
  readonly recorded: number;
  readonly working: number;
  readonly where: string;
}

export interface Job {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly state: "waiting" | "running" | "done" | "failed" | "cancelled";
  readonly stage: string;
  readonly done: number;
  readonly total: number | null;
  readonly unit: string;
  /** Units a second. */
  readonly speed: number | null;
  readonly left_s: number | null;
  readonly error: string | null;
  /** How many jobs come before it. */
  readonly position: number;
}

export interface Version {
  readonly id: number;
  readonly revision: string;
  readonly status: string;
  /** The reviewer's. */
  readonly words: string | null;
  readonly made_by: string | null;
  readonly made_at: string | null;
  readonly dtype: string | null;
  readonly weight_bytes: number | null;
  readonly source: Readonly<Record<string, unknown>> | null;
  readonly files?: readonly {
    readonly path: string;
    readonly bytes: number | null;
    readonly sha256: string | null;
  }[];
}

export interface Check {
  readonly name: string;
  readonly passed: boolean;
  readonly reason: string;
}

export interface Review {
  readonly id: number;
  readonly person: string;
  readonly stars: number;
  readonly words: string;
  readonly changed_at: string | null;
}

export interface Measurement {
  readonly device: string;
  readonly dtype: string;
  readonly torch: string;
  readonly transformers: string;
  readonly tokens_per_second: number | null;
  readonly first_token_s: number | null;
  readonly peak_bytes: number | null;
  readonly bits_per_byte: number | null;
  readonly made_at: string | null;
}

/** What a licence lets people do. */
export interface Terms {
  readonly licence: string;
  /** Whether it wants to be accepted before the model is installed. */
  readonly accept: boolean;
  readonly words: string;
  /** Where it can be read; null where it lies among the files. */
  readonly link: string | null;
}

/** All that the store knows of one listing. */
export interface Shown {
  readonly listing: Row & { readonly card?: string; readonly terms?: Terms };
  readonly versions: readonly Version[];
  readonly checks: readonly Check[];
  readonly reviews: readonly Review[];
  readonly measurements: readonly Measurement[];
}
