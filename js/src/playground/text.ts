// A written text: one span a token, coloured. While a model writes, spans are added at the end and nothing else is
// touched; a hover changes two classes.
import { computed } from "@preact/signals-core";
import { follow, h, onEnd } from "../dom";
import { stayAtEnd } from "../end";
import { place, probability } from "./figures";
import type { Play } from "./play";
import type { Source } from "./source";
import { attentionAt, changeOf, differenceAt, SCALES, shades, tintOf } from "./tint";
import type { Coloring } from "./traits";

/** A text is written as its first letters are. */
const RIGHT_TO_LEFT = /^[^\p{L}]*[\u0591-\u07ff\ufb1d-\ufdfd\ufe70-\ufefc]/u;
const LINE = 1.4; // of a token's height: where the line above or below is looked for
const BLOCK = 96; // tokens, at least, that one layout takes together

/** Mounts the text of a source; ends with the part of the page that is being built. */
export function mountText(play: Play, source: Source, label: string): HTMLElement {
  const { traits, theme, pointed } = play;
  const { leaf } = source;
  const host = h("div.gw-written", {
    role: "listbox",
    tabindex: 0,
    "aria-label": label,
    "aria-description": "Arrow keys go from token to token, Enter keeps one.",
  });
  const tints = computed(() => shades(theme.value.dark));
  const blues = computed(() => shades(theme.value.dark, true)); // what has become more probable
  let spans: HTMLElement[] = [];
  let open = h("div");
  let first = 0; // the place of the first span
  let shape = "";
  let active = -1;

  const toEnd = stayAtEnd(host);

  const spanAt = (at: number | null | undefined): HTMLElement | undefined =>
    at === null || at === undefined ? undefined : spans[at - first];

  const strengthOf = (color: Coloring, at: number): number => {
    if (color === "attention") return attentionAt(traits, leaf, at);
    if (color === "difference") return -changeOf(differenceAt(traits, leaf, at));
    return color === "none" ? Number.NaN : SCALES[color].at(...source.tokens(at));
  };

  const paint = (from: number): void => {
    const color = traits.color.peek();
    const all = tints.peek();
    for (let i = from; i < spans.length; i++) {
      const span = spans[i] as HTMLElement;
      const strength = strengthOf(color, first + i);
      const { ground, ink } = tintOf(strength < 0 ? blues.peek() : all, Math.abs(strength));
      if (span.style.backgroundColor !== ground || ground !== "") {
        span.style.backgroundColor = ground;
        span.style.color = ink;
      }
    }
  };

  const add = (from: number, to: number): void => {
    const fresh = document.createDocumentFragment();
    const old = spans.length;
    for (let at = from; at < to; at++) {
      const span = document.createElement("span");
      span.id = `${play.id}-${leaf}-${at}`;
      span.dataset["at"] = String(at);
      span.setAttribute("role", "option");
      const text = source.text(at);
      // The space before a word stands outside its colour: at a line's end it would leave a stain.
      const spaced = text.length > 1 && text.startsWith(" ");
      if (text.includes("\n")) span.className = "gw-line";
      if (source.given(at)) span.classList.add("gw-given");
      span.textContent = spaced ? text.slice(1) : text;
      spans.push(span);
      if (spaced) fresh.append(" ");
      fresh.append(span);
    }
    paint(old);
    open.append(fresh);
    if (open.childElementCount > 2 * BLOCK) cut();
  };

  // A text is laid out anew whenever something is added to it, which takes long when it is long. So lines that are
  // full go into blocks of their own, cut where a line ends anyhow; a new width puts all together again.
  const cut = (): void => {
    const own = [...open.children] as HTMLElement[];
    const tops = own.map((span) => span.offsetTop);
    let last = 0;
    for (let i = 1; i < own.length; i++) {
      if (i - last < BLOCK || (tops[i] as number) <= (tops[i - 1] as number)) continue;
      last = i;
      const rest = document.createRange();
      rest.setStartBefore(own[i] as HTMLElement);
      rest.setEndAfter(open.lastChild as ChildNode);
      const next = h("div");
      next.append(rest.extractContents());
      open.after(next);
      open = next;
    }
  };
  const join = (): void => {
    const all = [...host.children].flatMap((block) => [...block.childNodes]);
    open = h("div");
    open.append(...all);
    host.replaceChildren(open);
    cut();
  };
  let wide = 0;
  const observer = new ResizeObserver(() => {
    if (host.clientWidth === wide || host.clientWidth === 0) return;
    if (wide !== 0 && host.children.length > 1) join();
    wide = host.clientWidth;
  });
  observer.observe(host);
  onEnd(() => observer.disconnect());

  const mark = (name: string, at: number | null): void => {
    const span = spanAt(at);
    for (const other of host.querySelectorAll(`.${name}`)) if (other !== span) other.classList.remove(name);
    span?.classList.add(name);
  };

  follow(() => {
    source.changed();
    const now = source.shape();
    if (now !== shape || source.end() < first + spans.length) {
      shape = now;
      spans = [];
      open = h("div");
      host.replaceChildren(open);
      first = source.start();
    }
    const end = source.end();
    const from = first + spans.length;
    if (end <= from) return;
    if (spans.length === 0) host.dir = RIGHT_TO_LEFT.test(source.text(from)) ? "rtl" : "ltr";
    add(from, end);
    host.dataset["tokens"] = String(end - first);
    toEnd(open);
  });
  follow(() => {
    void tints.value;
    if (traits.color.value === "attention") void [traits.attention.value, traits.attentionOf.value];
    if (traits.color.value === "difference") void [traits.difference.value, traits.differenceOf.value];
    paint(0);
  });
  follow(() => {
    const spot = pointed.value;
    mark("gw-active", spot?.leaf === leaf ? spot.at : null);
  });
  follow(() => {
    source.changed();
    mark("gw-kept", source.kept());
  });

  const point = (at: number | undefined): void => {
    active = at ?? -1;
    pointed.value = at === undefined ? null : { leaf, at };
  };
  const atOf = (event: Event): number | undefined => {
    const span = (event.target as Element).closest<HTMLElement>("[data-at]");
    return span ? Number(span.dataset["at"]) : undefined;
  };
  const listen = (kind: string, does: (event: Event) => void): void =>
    host.addEventListener(kind, does, { passive: kind !== "keydown" });
  listen("pointerover", (event) => {
    const at = atOf(event);
    if (at !== undefined) point(at);
  });
  listen("pointerleave", () => point(undefined));
  listen("click", (event) => {
    if (document.getSelection()?.isCollapsed === false) return; // somebody copies
    const at = atOf(event);
    if (at !== undefined) source.keep(source.kept() === at ? null : at);
  });
  listen("focus", () => {
    if (host.matches(":focus-visible")) go(active >= first ? active : (source.kept() ?? first));
  });
  listen("blur", () => point(undefined));

  const go = (at: number): void => {
    if (spans.length === 0) return;
    const to = Math.min(Math.max(at, first), first + spans.length - 1);
    point(to);
    const span = spanAt(to);
    span?.scrollIntoView({ block: "nearest" });
    host.setAttribute("aria-activedescendant", span?.id ?? "");
    const [tokens, own] = source.tokens(to);
    const sure = tokens.of("logprob", own);
    const rank = tokens.of("rank", own);
    const known = Number.isNaN(sure) ? "" : `, probability ${probability(Math.exp(sure))}, ${place(rank)}`;
    span?.setAttribute("aria-label", `${span.textContent || "part of a character"}${known}`);
  };
  /** The token a line above (-1) or below (1). */
  const over = (way: number): number => {
    const box = spanAt(active)?.getBoundingClientRect();
    if (!box) return first;
    const x = box.left + box.width / 2;
    let best = active;
    let least = Number.POSITIVE_INFINITY;
    for (let at = active + way; spanAt(at); at += way) {
      const other = (spanAt(at) as HTMLElement).getBoundingClientRect();
      const lines = Math.abs(other.top - box.top) / (box.height * LINE);
      if (lines < 0.4 || other.width === 0) continue;
      if (lines > 1.6 && best !== active) break;
      const far = Math.abs(other.left + other.width / 2 - x);
      if (far < least) [best, least] = [at, far];
    }
    return best;
  };
  const keys: Readonly<Record<string, () => void>> = {
    ArrowRight: () => go(active + 1),
    ArrowLeft: () => go(active - 1),
    ArrowUp: () => go(over(-1)),
    ArrowDown: () => go(over(1)),
    Home: () => go(first),
    End: () => go(first + spans.length),
    Enter: () => source.keep(source.kept() === active ? null : active),
    Escape: () => source.keep(null),
  };
  listen("keydown", (event) => {
    const { key, ctrlKey, metaKey, altKey } = event as KeyboardEvent;
    const does = keys[key];
    if (!does || ctrlKey || metaKey || altKey) return;
    event.preventDefault();
    event.stopPropagation();
    does();
  });
  return host;
}
