// The token under the pointer as a trait: other widgets light the same token, and what they point at is lit here.
// What is changed inside the model from there is said, and can be taken back.
import { effect } from "@preact/signals-core";
import { type Child, h, onEnd } from "../dom";
import { button } from "../ui";
import type { Play } from "./play";

/** Ties the token that this view's hand points at to the trait; a token of another column is nobody's. */
export function linkPointed({ traits, pointed, story }: Play): void {
  let first = true; // a view that opens has no hand on it, and takes nobody's away
  const place = (): number | null => {
    const spot = pointed.value;
    return spot?.leaf === traits.leaf.peek() ? spot.at : null;
  };
  onEnd(
    effect(() => {
      const at = place();
      if (!first) traits.pointed.value = at;
      first = false;
    }),
  );
  onEnd(
    effect(() => {
      const at = traits.pointed.value;
      const leaf = traits.leaf.peek();
      const spot = pointed.peek();
      if (at === (spot?.leaf === leaf ? spot.at : null)) return;
      if (at === null) pointed.value = null;
      else if (at < story.length(leaf)) pointed.value = { leaf, at };
    }),
  );
}

/** What is changed inside the model while it writes here, and the way back. */
export function under({ traits }: Play): Child {
  return () =>
    traits.under.value !== "" &&
    h(
      "p.gw-notes.gw-under",
      { role: "status" },
      h("b", {}, "Inside the model: "),
      `${traits.under.value} `,
      button(
        "Undo all of it",
        () => {
          traits.headsOff.value = [];
          traits.cut.value = [];
        },
        { title: "Switch all heads on, and restore all edges" },
      ),
    );
}
