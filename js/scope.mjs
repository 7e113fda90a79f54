// Keeps a widget's style sheet to that widget. anywidget puts the sheets of all widgets into one page, where each brings
// its own copy of what they share, and a class such as gw-desk is used in several: whichever came last would win.

const PSEUDO_ELEMENT = /(?:::[\w-]+|:(?:before|after))(?:::?[\w-]+)*$/;
const SHEETS = /^@(?:media|container|supports)/;

/**
 * The same rules, of the same weight, for elements inside of one widget only.
 *
 * @param css a bundled style sheet, minified.
 * @param name of the widget: its root has the class gw-<name>.
 * @param widgets the names of all. A selector that names a root itself stays as it is, since it says where it holds.
 */
export function scope(css, name, widgets) {
  const all = `:is(${widgets.map((one) => `.gw-${one}`).join(",")})`;
  const roots = new RegExp(`\\.gw-(?:${[...widgets, "lab"].join("|")})(?![a-z])`);
  const keep = (selector) => {
    if (roots.test(selector)) return selector;
    const [pseudo = ""] = PSEUDO_ELEMENT.exec(selector) ?? [];
    return `${selector.slice(0, selector.length - pseudo.length)}:where(.gw-${name} *)${pseudo}`;
  };
  const walk = (text) =>
    blocks(text)
      .map(([head, body]) => {
        if (SHEETS.test(head)) return `${head}{${walk(body)}}`;
        if (head.startsWith("@")) return `${head}{${body}}`;
        return `${split(head, ",").map(keep).join(",")}{${body}}`;
      })
      .join("");
  return `${walk(css.trim().replaceAll(all, `.gw-${name}`))}\n`;
}

/** A sheet's blocks, each as what stands before its braces and what stands in them. */
function blocks(text) {
  return split(text, "}")
    .filter((block) => block.includes("{"))
    .map((block) => {
      const at = block.indexOf("{");
      return [block.slice(0, at).trim(), block.slice(at + 1)];
    });
}

/** Cuts a text at a sign wherever it stands in no bracket and in no string. */
function split(text, sign) {
  const parts = [];
  let [depth, quote, start] = [0, "", 0];
  for (let i = 0; i < text.length; i++) {
    const here = text[i];
    if (here === "\\") i++;
    else if (quote) quote = here === quote ? "" : quote;
    else if (here === '"' || here === "'") quote = here;
    else if ("([{".includes(here)) depth++;
    else if (")]}".includes(here)) depth--;
    if (depth === 0 && !quote && here === sign) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  return [...parts, text.slice(start)];
}
