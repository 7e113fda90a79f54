// A record that grows while the model writes: each event brings the new rows of the chosen head, and the tokens.
//
// The pages' own copies of the traits `info`, `tokens` and `first` grow with it, and the tiles that are there get
// their rows; what was cached of other heads is stale where it touches new rows. At the end the traits say it all.
import { batch } from "@preact/signals-core";
import type { HeatTraits, TokenColumns } from "../model";
import { together } from "../together";
import type { Answer, Wire } from "../wire";
import type { TileCache } from "./cache";
import type { Lines } from "./lines";

/** The sides, in tokens, that the picture of a growing text has: it is drawn anew on few occasions only. */
const STEPS = [1, 1.25, 1.5, 1.75];
const LEAST = 16;

/** Whether the heatmap follows what a model writes. */
export const isFollowing = ({ info }: Pick<HeatTraits, "info">): boolean => info.value.following ?? false;

/** The token that is the query while a run is followed and nobody has locked another one. */
export function newest({ info, length, query, key }: HeatTraits): number | null {
  if (!info.value.following || query.value !== null || key.value !== null) return null;
  return length.value - 1;
}

/** Tokens a side of the frame in which a growing text of this length is drawn: the cells stand still in it. */
export function frameOf(length: number): number {
  let side = LEAST;
  while (side * 2 <= length) side *= 2;
  return STEPS.map((step) => side * step).find((frame) => frame >= length) ?? side * 2;
}

/** Follows the record that the traits show, until `ends`. */
export function followRuns(
  traits: HeatTraits,
  wire: Wire,
  { cache, lines }: { readonly cache: TileCache; readonly lines: Lines },
  ends: AbortSignal,
): void {
  const grow = ({ content, buffers }: Answer): void => {
    const { record, from, length } = content as { record?: string; from: number; length: number };
    const known = traits.length.peek();
    if (record === undefined || record !== traits.info.peek().record || length <= known) return;
    if (from > known)
      return void wire
        .request("grown", { record, from: known }, { signal: ends })
        .then(grow, () => undefined);
    const tokens = joined(traits.tokens.peek(), content["tokens"] as TokenColumns, from);
    const [rows, first] = buffers;
    const floats = new Float32Array(rows?.slice().buffer ?? new ArrayBuffer(0));
    batch(() => {
      const { layer, head, variant } = content;
      cache.grow(`${record}|${variant}|${layer}|${head}`, from, length, floats);
      if (floats.length > 0) {
        const line = floats.slice(-length);
        lines.put({ record, variant, layer, head, query: length - 1 }, line);
      }
      lines.drop("key");
      traits.grow(record, length, content["first_level"] as number);
      traits.override("tokens", tokens);
      if (first) {
        traits.override("first", first.slice());
        traits.override("firstName", `${record}|${variant}|1`);
      }
    });
  };

  const soon = together<Answer>((all) => batch(() => all.forEach(grow)), ends);
  wire.onEvent("grown", soon, ends);
}

/** The tokens up to `from`, and those that have come. */
function joined(old: TokenColumns, tail: TokenColumns, from: number): TokenColumns {
  return {
    ...tail,
    pieces: [...(old.pieces ?? []).slice(0, from), ...(tail.pieces ?? [])],
    ids: [...(old.ids ?? []).slice(0, from), ...(tail.ids ?? [])],
  };
}
