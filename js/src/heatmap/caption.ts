// What to look for in a head of its kind.
import type { HeatTraits } from "../model";

/** The kind of the chosen head and its caption. */
export function kindAndCaption(traits: HeatTraits): readonly [kind: string, caption: string] {
  const [layer, head] = [traits.layer.value, traits.head.value];
  const kind =
    [layer, head].find((which) => typeof which === "string") ??
    traits.kindOf.value.find(([one, other]) => one === layer && other === head)?.[2] ??
    "";
  return [`${kind}`, traits.kinds.value[kind] ?? ""];
}
