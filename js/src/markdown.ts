// Markdown where it is safe: headings, emphasis, lists, tables, quotes and code become elements, everything else
// stays text. Links lead only to http and https, show their address, and hand nothing on; pictures are named and
// never fetched. No HTML is ever read.
import { type Child, h } from "./dom";

const FENCE = /^\s*```/u;
const HEADING = /^(#{1,4})\s+(.+)$/u;
const ITEM = /^\s*(?:[-*+]|\d{1,3}[.)])\s+(.*)$/u;
const NUMBERED = /^\s*\d/u;

const QUOTE = /^\s*>\s?(.*)$/u;
const RULE = /^\s*(?:-{3,}|\*{3,}|_{3,})\s*$/u;
const ROW = /^\s*\|(.*)\|\s*$/u;
const DASHES = /^[\s|:-]*-[\s|:-]*$/u;

const begins = (line: string): boolean =>
  [FENCE, HEADING, ITEM, QUOTE, RULE, ROW].some((one) => one.test(line));

/** A text as blocks: paragraphs, headings, lists, tables, quotes and code. */
export function blocks(text: string): Node[] {
  const lines = text.split("\n");
  const made: Node[] = [];
  let at = 0;
  const while_ = (fits: (line: string) => boolean): string[] => {
    const from = at;
    while (at < lines.length && fits(lines[at] as string)) at++;
    return lines.slice(from, at);
  };
  while (at < lines.length) {
    const line = lines[at] as string;
    const heading = HEADING.exec(line);
    if (line.trim() === "") at++;
    else if (FENCE.test(line)) {
      at++;
      made.push(h("pre", {}, h("code", {}, while_((one) => !FENCE.test(one)).join("\n"))));
      at++;
    } else if (heading) {
      at++;
      made.push(h("p.gw-heading", { "data-level": heading[1]?.length }, inline(heading[2] as string)));
    } else if (RULE.test(line)) {
      at++;
      made.push(h("hr"));
    } else if (ITEM.test(line)) {
      const items = while_((one) => ITEM.test(one) && !RULE.test(one));
      const tag = NUMBERED.test(line) ? "ol" : "ul";
      made.push(
        h(
          tag,
          {},
          items.map((one) => h("li", {}, inline(ITEM.exec(one)?.[1] ?? ""))),
        ),
      );
    } else if (QUOTE.test(line)) {
      const words = while_((one) => QUOTE.test(one)).map((one) => QUOTE.exec(one)?.[1] ?? "");
      made.push(h("blockquote", {}, inline(words.join("\n"))));
    } else if (ROW.test(line)) made.push(table(while_((one) => ROW.test(one))));
    else {
      at++;
      const words = [line, ...while_((one) => one.trim() !== "" && !begins(one))];
      made.push(h("p", {}, inline(words.join("\n"))));
    }
  }
  return made;
}

/** Rows between bars; the second one, of dashes, says that the first is a heading. */
function table(rows: readonly string[]): HTMLElement {
  const headed = DASHES.test(rows[1] ?? "");
  const row = (line: string, tag: string): HTMLElement =>
    h(
      "tr",
      {},
      (ROW.exec(line)?.[1] ?? "").split("|").map((cell) => h(tag, {}, inline(cell.trim()))),
    );
  return h(
    "table",
    {},
    headed && h("thead", {}, row(rows[0] as string, "th")),
    h(
      "tbody",
      {},
      rows.slice(headed ? 2 : 0).map((line) => row(line, "td")),
    ),
  );
}

const MARKS =
  /!\[([^\]\n]{0,200})\]\([^()\s]{1,500}\)|`([^`\n]+)`|\*\*([^*\n]+)\*\*|\*([^*\s][^*\n]*)\*|\[([^\]\n]{1,200})\]\(([^()\s]{1,500})\)/gu;

/** Emphasis, code and links within a line; what is none of them stays as it is written. */
export function inline(text: string): Child[] {
  const made: Child[] = [];
  let from = 0;
  for (const found of text.matchAll(MARKS)) {
    const [whole, picture, code, strong, emphasis, words, address] = found;
    made.push(text.slice(from, found.index));
    from = found.index + whole.length;
    if (picture !== undefined) made.push(h("span.gw-quiet", {}, `[picture: ${picture || "unnamed"}]`));
    else if (code !== undefined) made.push(h("code", {}, code));
    else if (strong !== undefined) made.push(h("strong", {}, strong));
    else if (emphasis === undefined) made.push(link(words as string, address as string) ?? whole);
    else made.push(h("em", {}, emphasis));
  }
  made.push(text.slice(from));
  return made;
}

/** A link that says where it leads; undefined for what is no address of a page. */
export function link(words: string, address: string): Child {
  if (!URL.canParse(address)) return;
  const { protocol, href } = new URL(address);
  if (protocol !== "http:" && protocol !== "https:") return;
  const rel = "noopener noreferrer nofollow";
  return [
    h("a", { href, target: "_blank", rel, referrerpolicy: "no-referrer" }, words),
    h("span.gw-quiet", {}, ` (${href})`),
  ];
}
