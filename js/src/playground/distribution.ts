// What the sampling rules make of a distribution: in the browser, for every move of a slider.
//
// The kernel sends the logits once, sorted. Temperature keeps their order, and so does the repetition penalty
// among the tokens that it touches (x / p above zero and x · p below are both increasing); so two sorted runs are
// merged, and one pass over the vocabulary gives the sums. The rules apply in transformers' order: repetition
// penalty, temperature, top-k, top-p, min-p.

/** Why a token cannot be drawn; "" where it can. */
export type Cut = "" | "greedy" | "top-k" | "top-p" | "min-p";

/** The next token's distribution as the model gives it. */
export interface Logits {
  readonly ids: Int32Array;
  /** Of `ids`, from the largest down. */
  readonly logits: Float32Array;
  /** For each of `ids` whether it is in the text, which is what the repetition penalty looks at. */
  readonly seen: Uint8Array;
  /** The probabilities before any rule. */
  readonly probs: Float64Array;
  /** Of those, in bits. */
  readonly entropy: number;
}

export interface Row {
  /** Where in `ids`. */
  readonly index: number;
  readonly before: number;
  readonly after: number;
  readonly cut: Cut;
}

export interface Distribution {
  /** The most probable ones, in the order that the rules give them. */
  readonly rows: readonly Row[];
  /** How many tokens can be drawn, and of how many. */
  readonly kept: number;
  readonly size: number;
  /** What those had together before the rules; after them it is 1. */
  readonly sum: number;
  /** After the rules, in bits. */
  readonly entropy: number;
}

export interface Knobs {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly penalty: number;
}

/** Below e^-40 of the largest, 150,000 tokens together do not reach a 1e-12th. */
const NOTHING = -40;

export function makeLogits(ids: Int32Array, logits: Float32Array, context: Iterable<number>): Logits {
  const there = new Set(context);
  const seen = new Uint8Array(ids.length);
  if (there.size > 0) for (let i = 0; i < ids.length; i++) if (there.has(ids[i] as number)) seen[i] = 1;
  const probs = new Float64Array(logits.length);
  const top = logits[0] ?? 0;
  let sum = 0;
  let mean = 0; // of the logits below the top, times the sum
  for (let i = 0; i < logits.length; i++) {
    const below = (logits[i] as number) - top;
    if (below < NOTHING) break;
    const part = Math.exp(below);
    sum += part;
    mean += part * below;
    probs[i] = part;
  }
  for (let i = 0; i < probs.length; i++) probs[i] = (probs[i] as number) / sum;
  return { ids, logits, seen, probs, entropy: Math.max(0, (Math.log(sum) - mean / sum) / Math.LN2) };
}

/** Scratch of one size, so that a move of a slider asks for no memory. */
let order = new Int32Array(0);
let value = new Float64Array(0);
let weight = new Float64Array(0);
let ordered: readonly [Logits, number] | undefined; // what `order` and `value` are of

/** The indices in the order of their penalised logits, and those logits. */
function penalise(given: Logits, penalty: number): void {
  if (ordered?.[0] === given && ordered[1] === penalty) return;
  ordered = [given, penalty];
  const { logits, seen } = given;
  const size = logits.length;
  if (order.length < size) {
    order = new Int32Array(size);
    value = new Float64Array(size);
    weight = new Float64Array(size);
  }
  if (penalty === 1) {
    for (let i = 0; i < size; i++) {
      order[i] = i;
      value[i] = logits[i] as number;
    }
    return;
  }
  const touched = (i: number): number => {
    const x = logits[i] as number;
    return x < 0 ? x * penalty : x / penalty;
  };
  const find = (from: number, wanted: 0 | 1): number => {
    let i = from;
    while (i < size && seen[i] !== wanted) i++;
    return i;
  };
  let [free, used] = [find(0, 0), find(0, 1)];
  for (let k = 0; k < size; k++) {
    const first = used >= size || (free < size && (logits[free] as number) >= touched(used));
    const i = first ? free : used;
    order[k] = i;
    value[k] = first ? (logits[i] as number) : touched(i);
    if (first) free = find(free + 1, 0);
    else used = find(used + 1, 1);
  }
}

/**
 * The rules applied; `count` rows are given out, the first ones, of which the last `cuts` are the first that were
 * cut, wherever they stand. The token `also` (where in `ids`) has a row in any case, the last one.
 */
export function distribute(given: Logits, knobs: Knobs, count: number, cuts = 0, also = -1): Distribution {
  const { logits, probs } = given;
  const { temperature, topK, topP, minP, penalty } = knobs;
  const size = logits.length;
  penalise(given, penalty);
  const top = value[0] ?? 0;
  const greedy = temperature === 0;

  // Top-k: ties with the last one stay, as in transformers.
  let byK = greedy ? Math.min(1, size) : topK > 0 ? Math.min(topK, size) : size;
  if (!greedy) while (byK < size && byK > 0 && value[byK] === value[byK - 1]) byK++;

  // Above `live` everything is nothing to a float.
  let sum = 0;
  let live = 0;
  for (; live < byK; live++) {
    const below = greedy ? 0 : ((value[live] as number) - top) / temperature;
    if (below < NOTHING) break;
    const part = Math.exp(below);
    weight[live] = part;
    sum += part;
  }

  // Top-p: a token goes where those before it have that much already; the first one always stays.
  let byP = byK;
  if (topP < 1) {
    const limit = topP * sum;
    let before = 0;
    for (byP = 0; byP < live && (byP === 0 || before < limit); byP++) before += weight[byP] as number;
    sum = before;
  }
  const inP = Math.min(byP, live);

  // Min-p: a share of the best one's probability, which is 1 here.
  let byMin = byP;
  if (minP > 0) {
    byMin = Math.min(1, inP);
    sum = weight[0] ?? 0;
    while (byMin < inP && (weight[byMin] as number) >= minP) sum += weight[byMin++] as number;
  }

  const rowAt = (k: number): Row => {
    const index = order[k] as number;
    const after = k < byMin && k < live ? (weight[k] as number) / sum : 0;
    const cut = k < byMin ? "" : greedy ? "greedy" : k < byP ? "min-p" : k < byK ? "top-p" : "top-k";
    return { index, before: probs[index] as number, after, cut };
  };
  const rows: Row[] = [];
  const gap = cuts > 0 && byMin > count - cuts ? count - cuts : count;
  for (let i = 0; i < Math.min(count, size); i++) {
    const k = i < gap || byMin === size ? i : byMin + i - gap;
    if (k >= size) break;
    rows.push(rowAt(k));
  }
  if (also >= 0 && !rows.some(({ index }) => index === also)) {
    let k = 0;
    while (order[k] !== also) k++;
    rows[Math.min(rows.length, count - 1)] = rowAt(k);
  }
  let held = byMin === size ? 1 : 0;
  if (held === 0) for (let k = 0; k < byMin; k++) held += probs[order[k] as number] as number;
  return { rows, kept: byMin, size, sum: held, entropy: entropyOf(Math.min(byMin, live), sum, knobs) };
}

/** In bits, of the weights that stay: log Σw − Σ w·log w / Σw, where log w is known already. */
function entropyOf(kept: number, sum: number, { temperature }: Knobs): number {
  if (temperature === 0) return 0;
  const top = value[0] ?? 0;
  let mean = 0;
  for (let k = 0; k < kept; k++) mean += ((weight[k] as number) * ((value[k] as number) - top)) / temperature;
  return Math.max(0, (Math.log(sum) - mean / sum) / Math.LN2);
}
