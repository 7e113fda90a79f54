// What to look for in a head of its kind.
import type { HeatTraits } from "../model";

/** The kind of the chosen head and its caption; a mean or maximum has a caption of its own. */
export function kindAndCaption(traits: HeatTraits): readonly [kind: string, caption: string] {
  const [layer, head] = [traits.layer.value, traits.head.value];
  const kind =
    [layer, head].find((which) => typeof which === "string") ??
    traits.kindOf.value.find(([one, other]) => one === layer && other === head)?.[2] ??
    "";
  const own = traits.kinds.value[kind];
  if (own !== undefined) return [`${kind}`, own];
  if (kind === "mean") return ["mean", "The average weight: what these heads have in common."];
  if (kind === "max") return ["maximum", "The largest weight: what at least one of these heads looks at."];
  return [`${kind}`, ""];
}
