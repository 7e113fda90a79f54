// By what the listings are ordered, and which way round.

export interface Order {
  readonly sort: string;
  /** Null: as the figure has it by itself. */
  readonly descending: boolean | null;
}

/** What can be sorted by: what it is called, and whether the largest is by itself the best. */
export const SORTS: readonly (readonly [sort: string, called: string, down: boolean])[] = [
  ["relevance", "Best match", true],
  ["stars", "Stars", true],
  ["tokens_per_second", "Tokens per second", true],
  ["bits_per_byte", "Bits per byte", false],
  ["first_token", "Time to first token", false],
  ["memory", "Memory", false],
  ["parameters", "Size", false],
  ["context", "Context", true],
  ["newest", "Newest", true],
  ["name", "Name", false],
];

/** Which way round the listings stand. */
export const downward = ({ sort, descending }: Order): boolean =>
  descending ?? SORTS.find(([name]) => name === sort)?.[2] ?? true;

/** After a press on a column's head: its figure's own sense first, then the other. */
export function turned(order: Order, column: string): Order {
  if (order.sort !== column)
    return { sort: column, descending: downward({ sort: column, descending: null }) };
  return { sort: column, descending: !downward(order) };
}

/** What a table's head says of its column. */
export function ariaSort(order: Order, column: string): "ascending" | "descending" | "none" {
  if (order.sort !== column) return "none";
  return downward(order) ? "descending" : "ascending";
}
