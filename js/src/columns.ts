// Columns of numbers as one buffer and a few words of JSON: the same as gptwidgets/widgets/columns.py.

/** [name, dtype, shape] of each column, in the order in which they stand in the buffer. */
export type Spec = readonly (readonly [name: string, dtype: string, shape: readonly number[]])[];

export type Numbers = Int32Array | Float32Array | Uint8Array;

export interface Column {
  /** Row after row; memory of its own, whatever the offset with which the bytes came. */
  readonly data: Numbers;
  readonly shape: readonly number[];
}

const KINDS = {
  "<i4": (buffer: ArrayBuffer) => new Int32Array(buffer),
  "<f4": (buffer: ArrayBuffer) => new Float32Array(buffer),
  "|u1": (buffer: ArrayBuffer) => new Uint8Array(buffer),
} as const;

/** The columns by name; throws where the bytes are not what the spec says. */
export function unpack(spec: Spec, bytes: Uint8Array): ReadonlyMap<string, Column> {
  const columns = new Map<string, Column>();
  let at = 0;
  for (const [name, dtype, shape] of spec) {
    const make = KINDS[dtype as keyof typeof KINDS];
    if (!make) throw new RangeError(`A column of ${dtype} is not known here.`);
    const size = shape.reduce((product, side) => product * side, dtype === "|u1" ? 1 : 4);
    if (at + size > bytes.length) throw new RangeError(`The columns end within '${name}'.`);
    columns.set(name, { data: make(bytes.slice(at, at + size).buffer), shape });
    at += size;
  }
  return columns;
}
