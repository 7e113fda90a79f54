// The tokens as running text, coloured by weight. Passages near the window are spans, one a token; far ones are
// plain text. Elements are changed by hand: 32,768 tokens are recoloured at every hover.
import { signal } from "@preact/signals-core";
import { follow, h, onEnd } from "../dom";
import { stayAtEnd } from "../end";
import type { TokenColumns } from "../model";
import { parseRgb } from "../theme";
import { JOINED, spelled } from "../tokens";
import { isFollowing, newest } from "./following";
import { linkPointed } from "./linked";
import { lock, lockedToken, type Panels } from "./panels";
import {
  moveToken,
  type Passage,
  passageOf,
  passages,
  type Rgb,
  type Tint,
  textDirection,
  tint,
  written,
} from "./passages";

const SHADES = 48;
const GREY: Rgb = [128, 128, 128];
const PATIENCE = 60; // ms a token is pointed at before its line is asked for

/** The text of panels.traits.tokens, for as long as the part of the page that is being built. */
export function mountFlow(panels: Panels): HTMLElement {
  const { traits, hover, pointed, most, palette, theme, lines } = panels;
  let pieces: readonly string[] | undefined;
  let shown: string[] = []; // as it is written here
  let special = new Set<number>();
  let cuts: Passage[] = [];
  let blocks: HTMLElement[] = [];
  let weights: Float32Array | undefined;
  let shades: Tint[] = [];
  const drawn = signal(0); // goes up whenever the tokens have changed
  const marked = new Map<string, Element | undefined>();
  let active = 0; // the token under the keys

  const length = (): number => pieces?.length ?? 0;

  const spanOf = (token: number | null | undefined): HTMLElement | undefined => {
    if (typeof token !== "number" || !(token >= 0 && token < length())) return;
    const block = passageOf(cuts, token);
    return blocks[block]?.children[token - (cuts[block]?.[0] ?? 0)] as HTMLElement | undefined;
  };

  const spans = (from: number, to: number): HTMLElement[] =>
    shown.slice(from, to).map((piece, k) => {
      const kind = special.has(from + k)
        ? ".gw-special"
        : piece === JOINED
          ? ".gw-joined"
          : piece.startsWith(" ")
            ? ".gw-spaced"
            : "";
      const props = { id: `${panels.id}-t${from + k}`, role: "option", "data-token": from + k };
      return h(`span${kind}`, props, written(piece));
    });

  /** A passage token by token. */
  const open = (index: number): void => {
    const block = blocks[index];
    if (!block || block.childElementCount > 0) return;
    block.replaceChildren(...spans(...(cuts[index] as Passage)));
    colour(index);
    mark();
  };

  const plain = ([from, to]: Passage): string => shown.slice(from, to).map(written).join("");

  /** How far from nothing a weight stands on the legend. */
  const strength = (value: number): number => {
    const { at, signed } = palette.peek();
    return signed ? Math.abs(2 * at(value) - 1) : at(value);
  };

  /** Colours a passage; a span whose shade stays is not touched. */
  const colour = (index: number): void => {
    const { css, ink, signed, name } = palette.peek();
    const full = strength(most.peek()?.[1] ?? 0); // the strongest token is coloured fully, however long the text
    let token = cuts[index]?.[0] ?? 0;
    for (const span of (blocks[index]?.children ?? []) as Iterable<HTMLElement>) {
      const value = weights?.[token] ?? Number.NaN;
      token += 1;
      const step = Number.isNaN(value) ? 0 : Math.round((strength(value) / (full || 1)) * SHADES);
      const key = signed ? `${name}${value}` : `${name}${step}`;
      if (span.dataset["shade"] === key) continue;
      span.dataset["shade"] = key;
      const shade = signed && step > 0 ? { background: css(value), color: ink(value) } : shades[step];
      span.style.backgroundColor = shade?.background ?? "";
      span.style.color = shade?.color ?? "";
    }
  };

  const show = (line?: Float32Array): void => {
    weights = line && line.length <= length() ? line : undefined; // shorter: what has come since is not seen
    let best = -1;
    let value = 0;
    for (const [token, one] of (weights ?? []).entries()) {
      if (Math.abs(one) > Math.abs(value)) [best, value] = [token, one];
    }
    most.value = best < 0 ? null : [best, value];
    for (const index of blocks.keys()) colour(index);
  };

  /** What is marked, by what: a span is touched where its mark changes, since hovering marks all the time. */
  const mark = (): void => {
    const put = (name: string, token: number | null | undefined): void => {
      const [span, before] = [spanOf(token), marked.get(name)];
      if (span === before) return;
      before?.classList.remove(name);
      span?.classList.add(name);
      marked.set(name, span);
    };
    put("gw-row", hover.peek()?.row);
    put("gw-col", hover.peek()?.col);
    put("gw-locked", lockedToken(traits));
    put("gw-active", host.matches(":focus-visible") ? active : null);
  };

  const toggle = (token: number): void => lock(traits, lockedToken(traits) === token ? null : token);

  const point = (token: number | null): void => {
    pointed.value = token;
    const fixed = lockedToken(traits);
    if (token === null) {
      hover.value = null;
      return;
    }
    const value = fixed === null ? undefined : weights?.[token];
    const [row, col] =
      fixed === null ? [token, token] : traits.direction.peek() === "from" ? [fixed, token] : [token, fixed];
    hover.value = { row, col, ...(value !== undefined && { value }) };
  };

  /** Leads the keys to a token. */
  const go = (token: number): void => {
    active = token;
    open(passageOf(cuts, token));
    host.setAttribute("aria-activedescendant", `${panels.id}-t${token}`);
    spanOf(token)?.scrollIntoView({ block: "nearest" });
    point(token);
    mark();
  };

  /** The token a line further down or up, at about the same place of it. */
  const lineOff = (way: 1 | -1): number => {
    const here = spanOf(active)?.getBoundingClientRect();
    if (!here) return active;
    const x = here.left + here.width / 2;
    let [best, least, line] = [active, Infinity, Infinity];
    for (let token = active + way; token >= 0 && token < length(); token += way) {
      open(passageOf(cuts, token));
      const box = spanOf(token)?.getBoundingClientRect();
      const down = box ? way * (box.bottom - here.bottom) : 0;
      if (!box || down < here.height / 2) continue;
      if (down > line + here.height / 2) break;
      line = Math.min(line, down);
      const away = Math.abs(box.left + box.width / 2 - x);
      if (away < least) [best, least] = [token, away];
    }
    return best;
  };

  const tokenOf = (event: Event): number | undefined => {
    const token = (event.target as HTMLElement).dataset["token"];
    return token === undefined ? undefined : Number(token);
  };

  const onkeydown = (event: KeyboardEvent): void => {
    const { key } = event;
    if (event.altKey || event.metaKey || length() === 0) return;
    if (key === "Enter" || key === " ") toggle(active);
    else if (key === "Escape") lock(traits, null);
    else if (key === "ArrowDown" || key === "ArrowUp") go(lineOff(key === "ArrowDown" ? 1 : -1));
    else {
      const to = moveToken(active, { key, length: length(), rtl: host.dir === "rtl" });
      if (to === undefined) return;
      go(to);
    }
    event.preventDefault();
    event.stopPropagation();
  };

  const all = h("div");
  const host = h(
    "div.gw-flow",
    {
      role: "listbox",
      "aria-label": "Tokens; Enter keeps one",
      tabindex: 0,
      onkeydown,
      onpointermove: (event: Event) => {
        const token = tokenOf(event);
        if (token !== undefined && token !== pointed.peek()) point(token);
      },
      onpointerleave: () => point(null),
      onclick: (event: Event) => {
        const token = tokenOf(event);
        if (token === undefined || String(getSelection()) !== "") return;
        active = token;
        toggle(token);
      },
      onfocus: () => host.matches(":focus-visible") && length() > 0 && go(active),
      onblur: () => {
        point(null);
        mark();
      },
    },
    all,
  );

  linkPointed(panels, point);
  const toEnd = stayAtEnd(host);

  const near = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        const index = blocks.indexOf(target as HTMLElement);
        if (isIntersecting) open(index);
        else if (target.childElementCount > 0) target.textContent = plain(cuts[index] as Passage);
      }
    },
    { root: host, rootMargin: "300px 0px" },
  );
  onEnd(() => near.disconnect());

  /** Words that came with an array are no pieces of a text: a space stands between them. */
  const apartIn = ({ ids = [] }: TokenColumns, token: number): string =>
    token > 0 && (ids[token] ?? 0) < 0 ? " " : "";

  /** Further tokens at the end of the text; passages that stay as they are are not touched. */
  const grow = (tokens: TokenColumns): void => {
    const { pieces: now = [], groups = null, special: marks = [] } = tokens;
    const was = shown;
    pieces = now;
    special = new Set(marks);
    shown = now.map((_, token) => apartIn(tokens, token) + spelled(tokens, token));
    const changed = shown.findIndex((piece, token) => piece !== was[token]);
    const old = cuts;
    cuts = passages(now, groups);
    let kept = cuts.findIndex(
      ([from, to], index) => from !== old[index]?.[0] || to !== old[index]?.[1] || to > changed,
    );
    const [[start, stop] = [0, 0], [before, end] = [0, 0]] = [cuts[kept], old[kept]];
    const last = blocks[kept];
    if (last?.childElementCount && start === before && end <= Math.min(stop, changed)) {
      last.append(...spans(end, stop)); // it has only got longer
      kept += 1;
    }
    for (const block of blocks.splice(kept)) {
      near.unobserve(block);
      block.remove();
    }
    for (const cut of cuts.slice(kept)) {
      const block = h("span", {}, plain(cut));
      blocks.push(block);
      all.append(block);
      open(blocks.length - 1);
      near.observe(block);
    }
    toEnd(all);
  };

  follow(() => {
    const tokens = traits.tokens.value;
    const { pieces: now = [], groups = null, special: marks = [] } = tokens;
    if (now === pieces) return;
    if (isFollowing(traits) && length() > 0 && now.length > length()) {
      grow(tokens);
      drawn.value = drawn.peek() + 1;
      return;
    }
    near.disconnect();
    pieces = now;
    special = new Set(marks);
    cuts = passages(now, groups);
    active = Math.min(active, Math.max(0, length() - 1));
    weights = undefined;
    shown = now.map((_, token) => apartIn(tokens, token) + spelled(tokens, token));
    host.dir = textDirection(shown.filter((_, token) => !special.has(token)));
    blocks = cuts.map((cut) => h("span", {}, plain(cut)));
    all.replaceChildren(...blocks);
    if (blocks.length === 0) all.textContent = traits.text.peek(); // until it is in tokens
    open(0);
    for (const block of blocks) near.observe(block);
    drawn.value = drawn.peek() + 1;
  });
  follow(() => {
    const [accent, ground] = [parseRgb(theme.value.accent) ?? GREY, parseRgb(theme.value.paper) ?? GREY];
    shades = Array.from({ length: SHADES + 1 }, (_, step) => tint((0.9 * step) / SHADES, accent, ground));
    void palette.value;
    for (const index of blocks.keys()) colour(index);
  });
  follow(() => {
    void [hover.value, traits.tokens.value];
    lockedToken(traits);
    mark();
  });
  // The line to show, looked for again whenever head, variant, record or token change.
  follow(() => {
    const { direction, layer, head, hideSink, stage, info, status } = traits;
    const fixed = lockedToken(traits);
    const token = fixed ?? pointed.value ?? newest(traits);
    void [layer.value, head.value, hideSink.value, stage.value, info.value, drawn.value];
    const there = status.value === "ready" || status.value === "closed"; // a record outlives its model
    if (token !== null && token >= length() && isFollowing(traits)) return; // it is drawn in a moment
    if (token === null || token >= length() || !there) return show();
    const line = lines.peek(token, direction.value);
    if (line) return show(line);
    const asking = new AbortController();
    const fetch = (): void =>
      void lines.fetch(token, direction.peek(), asking.signal).then(show, () => undefined);
    const timer = setTimeout(fetch, fixed === null ? PATIENCE : 0);
    return () => {
      clearTimeout(timer);
      asking.abort();
    };
  });
  follow(() => {
    const fixed = lockedToken(traits);
    if (fixed === null || fixed === active || fixed >= length()) return;
    active = fixed;
    open(passageOf(cuts, fixed));
    requestAnimationFrame(() => {
      const span = spanOf(fixed);
      if (span && active === fixed) host.scrollTop = Math.max(0, span.offsetTop - host.clientHeight / 2);
    });
  });
  return host;
}
