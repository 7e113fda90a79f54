// What the large picture is: model, layer, head and length; and what to look for in a head of its kind.

import { headTitle, tokenCount } from "./format";
import type { Panels } from "./panels";

/** The kind of the chosen head and its caption; a mean or maximum has a caption of its own. */
export function kindAndCaption({ traits }: Pick<Panels, "traits">): readonly [kind: string, caption: string] {
  const [layer, head] = [traits.layer.value, traits.head.value];
  const aggregate =
    layer === "mean" || head === "mean" ? "mean" : layer === "max" || head === "max" ? "max" : "";
  if (aggregate) {
    const over =
      typeof head === "number" ? "layers" : typeof layer === "number" ? "heads" : "layers and heads";
    return aggregate === "mean"
      ? ["mean", `The average weight over all ${over}: what they have in common.`]
      : ["maximum", `The largest weight over all ${over}: what at least one of them looks at.`];
  }
  const kind = traits.kindOf.value.find(([one, other]) => one === layer && other === head)?.[2] ?? "";
  return [kind, traits.kinds.value[kind] ?? ""];
}

export function Caption({ panels }: { panels: Panels }) {
  const { traits } = panels;
  const [kind, caption] = kindAndCaption(panels);
  const { name = "", length = 0 } = traits.info.value;
  return (
    <div class="gw-caption">
      <h3>
        {headTitle(traits.layer.value, traits.head.value)}
        {kind && <span class="gw-kind">{kind}</span>}
      </h3>
      <p>
        {caption}{" "}
        <span class="gw-quiet">{[name, length > 0 && tokenCount(length)].filter(Boolean).join(" · ")}</span>
      </p>
    </div>
  );
}
