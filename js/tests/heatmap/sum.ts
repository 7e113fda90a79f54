// A cell's arithmetic as the kernel would send it, small: two dimensions, and as many keys as wanted.

const NS = 'xmlns="http://www.w3.org/1998/Math/MathML"';
const math = (inside: string): string => `<math ${NS}>${inside}</math>`;
const mn = (of: string, text = "", at: number | "*" | "" = ""): string =>
  `<mn data-of="${of}"${at === "" ? "" : ` data-at="${at}"`}>${text}</mn>`;

export const HOSTILE = "</script><img src=x onerror=alert(1)>";

/** The reply's content and its buffers; the chosen key is the last but one. */
export function arithmeticOf(count = 3, more: object = {}): [object, Float32Array[]] {
  const weights = Float32Array.from({ length: count }, (_, at) => (at === count - 2 ? 0.5 : 0.5 / count));
  const buffers = [Float32Array.of(1, -2), Float32Array.of(3, 0.5), Float32Array.of(3, -1), weights, weights];
  const many = (
    name: string,
    part: string,
    kind: string,
    buffer: number,
    from: string[],
    filled: string,
  ) => ({
    ...{ name, title: name, part, says: `${name}.`, kind, buffer, from, formula: math(`<mi>${name}</mi>`) },
    ...{ formulaText: name, filled: math(filled), filledText: `${name} = {${name}}` },
  });
  const one = (name: string, part: string, text: string, from: string[], filled: string) => ({
    ...{ name, title: name, part, says: `${name}.`, kind: "number", value: 1, text, from },
    ...{ formula: math(`<mi>${name}</mi>`), formulaText: name },
    ...{ filled: math(filled), filledText: `${name} = ${text}` },
  });
  const told = {
    ...{ layer: 1, head: 0, name: "L1H0", query: count - 1, key: count - 2, tokens: ["a", HOSTILE] },
    ...{ masked: false, keys: [[0, count]], at: count - 2, facts: [HOSTILE] },
    parts: ["vectors", "raw", "softmax"],
    steps: [
      many("q", "vectors", "dimensions", 0, [], mn("q", "", "*")),
      many("k", "vectors", "dimensions", 1, [], mn("k", "", "*")),
      many("products", "raw", "dimensions", 2, ["q", "k"],
        mn("q", "", "*") + mn("k", "", "*") + mn("products", "", "*")),
      one("dot", "raw", "2", ["products"], mn("products", "3", 0) + mn("dot", "2")),
      many("exps", "softmax", "keys", 3, [], mn("exps", "", "*")),
      one("total", "softmax", "1", ["exps"], mn("exps", "0.2", 0) + mn("total", "1")),
      one("weight", "softmax", "0.5", ["exps", "total"],
        mn("exps", "0.5", count - 2) + mn("total", "1") + mn("weight", "0.5")),
      many("weights", "softmax", "keys", 4, ["exps", "total"],
        mn("exps", "", "*") + mn("total", "1") + mn("weights", "", "*")),
    ],
    ...more,
  }; // biome-ignore format: a step a line
  return [told, buffers];
}
