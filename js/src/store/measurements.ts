// What was measured of a listing, here and elsewhere.
import { type Child, h } from "../dom";
import { bytes, day, fixed, seconds, speed } from "./format";
import type { Shop } from "./shop";
import type { Shown } from "./types";

export function measurements(_shop: Shop, shown: () => Shown): Child {
  return () => {
    const { measurements: all, listing } = shown();
    if (all.length === 0) {
      const how = listing.installed
        ? "Measure says how fast and how good it is here."
        : "Install it to measure it here.";
      return h("p.gw-quiet", {}, `Nobody has measured it on this computer yet. ${how}`);
    }
    const heads = ["Tokens/s", "First token", "Peak memory", "Bits/byte"];
    return h(
      "table.gw-plain.gw-wide",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", {}, "On"),
          heads.map((head) => h("th", { "data-kind": "number" }, head)),
        ),
      ),
      h(
        "tbody",
        {},
        all.map((one) =>
          h(
            "tr",
            {},
            h(
              "td",
              {},
              `${one.device}, ${one.dtype}`,
              h("br"),
              h(
                "small.gw-quiet",
                {},
                `${day(one.made_at)} · torch ${one.torch} · transformers ${one.transformers}`,
              ),
            ),
            [
              speed(one.tokens_per_second),
              seconds(one.first_token_s),
              bytes(one.peak_bytes),
              fixed(one.bits_per_byte, 2),
            ].map((figure) => h("td", { "data-kind": "number" }, figure)),
          ),
        ),
      ),
    );
  };
}
