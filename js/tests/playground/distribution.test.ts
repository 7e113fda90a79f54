import { describe, expect, it } from "vitest";
import { distribute, type Knobs, makeLogits } from "../../src/playground/distribution";

const OFF: Knobs = { temperature: 1, topK: 0, topP: 1, minP: 0, penalty: 1 };

/** Numbers between 0 and 1, the same every time. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

function draw(size: number, seed: number, spread = 6): { ids: Int32Array; logits: Float32Array } {
  const next = chance(seed);
  const logits = Float32Array.from({ length: size }, () => (next() + next() + next() - 1.5) * spread)
    .sort()
    .reverse();
  return { ids: Int32Array.from({ length: size }, (_, i) => (i * 7919) % size), logits };
}

/** transformers' processors and warpers one after the other, as its documentation writes them: slow and plain. */
function slowly(logits: number[], seen: boolean[], knobs: Knobs): number[] {
  const softmax = (all: number[]): number[] => {
    const top = Math.max(...all);
    const parts = all.map((score) => Math.exp(score - top));
    const sum = parts.reduce((a, b) => a + b);
    return parts.map((part) => part / sum);
  };
  let scores = logits.map((x, i) => (seen[i] ? (x < 0 ? x * knobs.penalty : x / knobs.penalty) : x));
  if (knobs.temperature === 0) {
    const best = scores.indexOf(Math.max(...scores));
    return scores.map((_, i) => (i === best ? 1 : 0));
  }
  scores = scores.map((x) => x / knobs.temperature);
  if (knobs.topK > 0) {
    const last = [...scores].sort((a, b) => b - a)[Math.min(knobs.topK, scores.length) - 1] as number;
    scores = scores.map((x) => (x < last ? Number.NEGATIVE_INFINITY : x));
  }
  if (knobs.topP < 1) {
    const probs = softmax(scores);
    const rising = scores.map((_, i) => i).sort((a, b) => (scores[a] as number) - (scores[b] as number));
    let sum = 0;
    for (const [place, i] of rising.entries()) {
      sum += probs[i] as number;
      if (sum <= 1 - knobs.topP && place < rising.length - 1) scores[i] = Number.NEGATIVE_INFINITY;
    }
  }
  if (knobs.minP > 0) {
    const probs = softmax(scores);
    const least = knobs.minP * Math.max(...probs);
    scores = scores.map((x, i) => ((probs[i] as number) < least ? Number.NEGATIVE_INFINITY : x));
  }
  return softmax(scores);
}

describe("the sampling rules", () => {
  const settings: [string, Partial<Knobs>][] = [
    ["nothing", {}],
    ["a low temperature", { temperature: 0.4 }],
    ["a high temperature", { temperature: 3 }],
    ["temperature 0", { temperature: 0 }],
    ["top-k", { topK: 7 }],
    ["top-k of one", { topK: 1 }],
    ["top-k above the vocabulary", { topK: 10_000 }],
    ["top-p", { topP: 0.6 }],
    ["a tiny top-p", { topP: 0.0001 }],
    ["min-p", { minP: 0.05 }],
    ["min-p of 1", { minP: 1 }],
    ["a penalty", { penalty: 1.7 }],
    ["a reward", { penalty: 0.6 }],
    ["all at once", { temperature: 0.8, topK: 40, topP: 0.9, minP: 0.03, penalty: 1.3 }],
    ["temperature 0 and a penalty", { temperature: 0, penalty: 4 }],
  ];
  for (const [name, some] of settings) {
    it(`are transformers' own: ${name}`, () => {
      for (const seed of [1, 2, 3]) {
        const size = 300;
        const { ids, logits } = draw(size, seed);
        const context = [...ids.slice(0, 3), ...ids.slice(20, 30), ...ids.slice(-5)];
        const knobs = { ...OFF, ...some };
        const given = makeLogits(ids, logits, context);
        const seen = [...ids].map((id) => context.includes(id));
        const want = slowly([...logits], seen, knobs);
        const raw = slowly([...logits], seen, OFF);
        const got = distribute(given, knobs, size);
        expect(got.rows.length).toBe(size);
        expect(new Set(got.rows.map((row) => row.index)).size).toBe(size);
        for (const { index, before, after, cut } of got.rows) {
          expect(after).toBeCloseTo(want[index] as number, 7);
          expect(before).toBeCloseTo(raw[index] as number, 7);
          expect(cut !== "").toBe(want[index] === 0);
        }
        expect(got.kept).toBe(want.filter((p) => p > 0).length);
        const held = want.reduce((sum, p, i) => sum + (p > 0 ? (raw[i] as number) : 0), 0);
        expect(got.sum).toBeCloseTo(held, 6);
        const bits = want.reduce((sum, p) => sum - (p > 0 ? p * Math.log2(p) : 0), 0);
        expect(got.entropy).toBeCloseTo(bits, 6);
      }
    });
  }

  it("keep ties at the end of top-k, and say what cut a token", () => {
    const given = makeLogits(new Int32Array([0, 1, 2, 3, 4]), new Float32Array([3, 2, 2, 1, 0]), []);
    expect(distribute(given, { ...OFF, topK: 2 }, 5).rows.map((row) => row.cut)).toEqual([
      "",
      "",
      "",
      "top-k",
      "top-k",
    ]);
    expect(
      distribute(given, { ...OFF, topK: 4, topP: 0.9, minP: 0.5 }, 5).rows.map((row) => row.cut),
    ).toEqual(["", "min-p", "min-p", "top-p", "top-k"]);
    expect(distribute(given, { ...OFF, temperature: 0 }, 2).rows.map((row) => row.cut)).toEqual([
      "",
      "greedy",
    ]);
  });

  it("show what was cut first, however much stays", () => {
    const { ids, logits } = draw(100, 4);
    const rows = distribute(makeLogits(ids, logits, []), { ...OFF, topK: 50 }, 10, 3).rows;
    expect(rows.map((row) => row.index)).toEqual([0, 1, 2, 3, 4, 5, 6, 50, 51, 52]);
    expect(rows.map((row) => row.cut !== "").lastIndexOf(false)).toBe(6);
    expect(distribute(makeLogits(ids, logits, []), OFF, 10, 3).rows.at(-1)?.index).toBe(9);
    expect(distribute(makeLogits(ids, logits, []), { ...OFF, topK: 99 }, 10, 3).rows.length).toBe(8);
  });

  it("stand the largest logits, minus infinity, and a vocabulary of none or one", () => {
    const one = makeLogits(new Int32Array([5]), new Float32Array([-1e30]), [5]);
    expect(distribute(one, { ...OFF, topP: 0.5, penalty: 2 }, 9)).toMatchObject({ kept: 1, sum: 1 });
    const far = makeLogits(
      new Int32Array([0, 1, 2]),
      new Float32Array([1000, -1000, Number.NEGATIVE_INFINITY]),
      [],
    );
    expect(distribute(far, { ...OFF, temperature: 0.01 }, 3).rows.map((row) => row.after)).toEqual([1, 0, 0]);
    const none = makeLogits(new Int32Array(), new Float32Array(), []);
    expect(distribute(none, OFF, 3)).toMatchObject({ rows: [], kept: 0 });
  });

  it("take 150,000 tokens at once", () => {
    const { ids, logits } = draw(150_000, 9, 8);
    const given = makeLogits(ids, logits, ids.slice(100, 600));
    const knobs = { temperature: 0.7, topK: 0, topP: 0.97, minP: 0.0001, penalty: 1.1 };
    expect(distribute(given, knobs, 20).rows).toHaveLength(20);
  });
});
