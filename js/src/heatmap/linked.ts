// The token under the pointer as a trait: other widgets light the same token, and what they point at is lit here.
import { effect, untracked } from "@preact/signals-core";
import { onEnd } from "../dom";
import type { Panels } from "./panels";

/**
 * Ties the token that this view's hand points at to the trait, for as long as the part of the page that is being
 * built.
 *
 * @param point shows a token as if a hand pointed at it; null shows none.
 */
export function linkPointed({ traits, pointed }: Panels, point: (token: number | null) => void): void {
  let first = true; // a view that opens has no hand on it, and takes nobody's away
  onEnd(
    effect(() => {
      const token = pointed.value;
      if (!first) traits.pointed.value = token;
      first = false;
    }),
  );
  onEnd(
    effect(() => {
      const token = traits.pointed.value;
      const there = token === null || token < traits.length.value;
      if (there && token !== pointed.peek()) untracked(() => point(token));
    }),
  );
}
