// The kernel's formulas as elements: only the tags and attributes that it writes, and text as text nodes.
//
// A number's `data-of` and `data-at` say which of the cell's numbers it is (gptwidgets/kernel/wired.py). What is not
// on the list is refused whole, so that a string from elsewhere can never become anything but a formula.

const SPACE = "http://www.w3.org/1998/Math/MathML";
const TAGS = new Set("math mrow mn mi mo mtext mfrac msqrt msup msub msubsup munder munderover".split(" "));
const ATTRIBUTES = new Set(["data-of", "data-at"]);

/** A slot's number: of a step, at a place; `undefined` leaves it empty. */
export type Fill = (of: string) => readonly [text: string, at: number] | undefined;

/** The formula as a `<math>` element, its slots (`data-at="*"`) filled; an error where it is no such formula. */
export function mathml(source: string, fill: Fill = () => undefined): Element {
  const parsed = new DOMParser().parseFromString(source, "application/xml").documentElement;
  if (parsed.localName !== "math" || parsed.namespaceURI !== SPACE) {
    throw new Error("This is not a formula.");
  }
  return copy(parsed, fill);
}

function copy(from: Element, fill: Fill): Element {
  if (from.namespaceURI !== SPACE || !TAGS.has(from.localName)) {
    throw new Error(`A formula has no <${from.localName}>.`);
  }
  const made = document.createElementNS(SPACE, from.localName);
  for (const { name, value } of from.attributes) {
    if (name === "xmlns") continue;
    if (!ATTRIBUTES.has(name)) throw new Error(`A formula has no attribute ${name}.`);
    made.setAttribute(name, value);
  }
  for (const node of from.childNodes) {
    if (node.nodeType === Node.ELEMENT_NODE) made.append(copy(node as Element, fill));
    else if (node.nodeType === Node.TEXT_NODE) made.append(node.nodeValue ?? "");
    else throw new Error("A formula has elements and text only.");
  }
  if (from.getAttribute("data-at") === "*") {
    const filled = fill(from.getAttribute("data-of") ?? "");
    if (filled) {
      made.textContent = filled[0];
      made.setAttribute("data-at", String(filled[1]));
    }
  }
  return made;
}
