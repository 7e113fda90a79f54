// The formula of the number that is pointed at.
import { type Child, h } from "../../dom";
import type { Explained } from "./cell";

/** With fractions and sums as large as in a line of their own. */
function large(math: Element): Element {
  math.setAttribute("displaystyle", "true");
  return math;
}

/** A number's name, what it is, and how it was made: in letters, and with numbers. */
export function formula(explained: Explained | undefined): Child {
  if (!explained) return false;
  const { title, says, formula: letters, filled } = explained;
  return [
    h("p", {}, h("b", {}, title), " ", h("span.gw-quiet", {}, says)),
    h("div.gw-math", {}, large(letters), letters.textContent !== filled.textContent && large(filled)),
  ];
}
