// A licence in a line: its name, what it allows, where it can be read.
import { type Child, h } from "../dom";
import { link } from "../markdown";
import { licence } from "./format";
import type { Terms } from "./types";

export const termsOf = (terms: Terms): Child =>
  h(
    "p.gw-quiet.gw-terms",
    { dir: "auto" },
    h("b", {}, licence(terms.licence) || "No licence"),
    `: ${terms.words} `,
    terms.link === null
      ? terms.licence && "It lies among the files of the model."
      : (link("Read it", terms.link) ?? `Read it: ${terms.link}`),
  );
