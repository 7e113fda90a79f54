// Markdown where it is safe: headings, emphasis, lists and code become elements, everything else stays text. Links
// lead only to http and https, show their address, and hand nothing on. No HTML is ever read.
import { type Child, h } from "../dom";
import type { Play } from "./play";

export function markdown({ story }: Play, leaf: string): Child {
  return h("div.gw-markdown", { dir: "auto" }, () => {
    void story.grown.value;
    const own = story.entries.value.get(leaf);
    const text = story
      .path(leaf)
      .filter(([node]) => story.entries.peek().get(node)?.kind !== "prompt" || own?.kind === "prompt")
      .map(([node, from, to]) =>
        story
          .tokens(node)
          .texts.slice(0, to - from)
          .join(""),
      )
      .join("");
    return blocks(text);
  });
}

const FENCE = /^\s*```/u;
const HEADING = /^(#{1,4})\s+(.+)$/u;
const ITEM = /^\s*(?:[-*+]|\d{1,3}[.)])\s+(.*)$/u;
const NUMBERED = /^\s*\d/u;

/** A text as blocks: paragraphs, headings, lists and code. */
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
    } else if (ITEM.test(line)) {
      const items = while_((one) => ITEM.test(one));
      const tag = NUMBERED.test(line) ? "ol" : "ul";
      made.push(
        h(
          tag,
          {},
          items.map((one) => h("li", {}, inline(ITEM.exec(one)?.[1] ?? ""))),
        ),
      );
    } else {
      const words = while_(
        (one) => one.trim() !== "" && !(FENCE.test(one) || HEADING.test(one) || ITEM.test(one)),
      );
      made.push(h("p", {}, inline(words.join("\n"))));
    }
  }
  return made;
}

const MARKS = /`([^`\n]+)`|\*\*([^*\n]+)\*\*|\*([^*\s][^*\n]*)\*|\[([^\]\n]{1,200})\]\(([^()\s]{1,500})\)/gu;

/** Emphasis, code and links within a line; what is none of them stays as it is written. */
export function inline(text: string): Child[] {
  const made: Child[] = [];
  let from = 0;
  for (const found of text.matchAll(MARKS)) {
    const [whole, code, strong, emphasis, words, address] = found;
    made.push(text.slice(from, found.index));
    from = found.index + whole.length;
    if (code !== undefined) made.push(h("code", {}, code));
    else if (strong !== undefined) made.push(h("strong", {}, strong));
    else if (emphasis === undefined) made.push(link(words as string, address as string) ?? whole);
    else made.push(h("em", {}, emphasis));
  }
  made.push(text.slice(from));
  return made;
}

/** A link that says where it leads; undefined for what is no address of a page. */
function link(words: string, address: string): Child {
  if (!URL.canParse(address)) return;
  const { protocol, href } = new URL(address);
  if (protocol !== "http:" && protocol !== "https:") return;
  const rel = "noopener noreferrer nofollow";
  return [
    h("a", { href, target: "_blank", rel, referrerpolicy: "no-referrer" }, words),
    h("span.gw-quiet", {}, ` (${href})`),
  ];
}
