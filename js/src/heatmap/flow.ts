// The tokens as running text, coloured by weight. Passages near the window are spans, one a token; far ones are
// plain text. Elements are changed by hand: 32,768 tokens are recoloured at every hover.

import { effect, untracked } from "@preact/signals";
import { weight } from "./format";
import { type Panels, quote } from "./panels";
import {
  moveToken,
  passageOf,
  passages,
  type Rgb,
  type Tint,
  textDirection,
  tint,
  written,
} from "./passages";

const STEPS = 48; // shades

/** Shows panels.traits.tokens in `host`, which scrolls, until `ends` aborts. */
export function mountFlow(host: HTMLElement, panels: Panels, ends: AbortSignal): void {
  const { traits, hover, pointed, palette, theme, tip, lines } = panels;
  let pieces: readonly string[] = [];
  let cuts: [number, number][] = [];
  let blocks: HTMLElement[] = [];
  let weights: Float32Array | undefined;
  let shades: Tint[] = [];
  let active = 0; // the token under the keys
  let marked: [Element, string][] = [];

  const spanOf = (token: number | null): HTMLElement | undefined => {
    if (token === null || token < 0 || token >= pieces.length) return;
    const block = passageOf(cuts, token);
    return blocks[block]?.children[token - (cuts[block]?.[0] ?? 0)] as HTMLElement | undefined;
  };

  /** A passage token by token. */
  const open = (index: number): void => {
    const block = blocks[index];
    const [from = 0, to = 0] = cuts[index] ?? [];
    if (!block || block.childElementCount > 0) return;
    const spans: HTMLElement[] = [];
    for (let token = from; token < to; token++) {
      const piece = pieces[token] ?? "";
      const span = document.createElement("span");
      span.textContent = written(piece);
      span.id = `${panels.id}-t${token}`;
      span.setAttribute("role", "option");
      span.dataset["token"] = String(token);
      if (special.has(token)) span.className = "gw-special";
      else if (piece.startsWith(" ")) span.className = "gw-spaced";
      spans.push(span);
    }
    block.replaceChildren(...spans);
    colour(index);
    mark();
  };

  /** A passage as one text. */
  const shut = (index: number): void => {
    const [from = 0, to = 0] = cuts[index] ?? [];
    const block = blocks[index];
    if (block && block.childElementCount > 0)
      block.textContent = pieces.slice(from, to).map(written).join("");
  };

  const near = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        const index = blocks.indexOf(target as HTMLElement);
        if (isIntersecting) open(index);
        else shut(index);
      }
    },
    { root: host, rootMargin: "600px 0px" },
  );
  ends.addEventListener("abort", () => near.disconnect(), { once: true });

  const colour = (index: number): void => {
    const block = blocks[index];
    const from = cuts[index]?.[0] ?? 0;
    if (!block) return;
    const signed = palette.peek().signed;
    let token = from;
    for (const child of block.children) {
      const span = child as HTMLElement;
      const value = weights?.[token] ?? Number.NaN;
      token += 1;
      const share = Number.isNaN(value) ? 0 : palette.peek().at(value);
      const step = Math.round((signed ? Math.abs(2 * share - 1) : share) * STEPS);
      const key = signed && value < 0 ? -step : step;
      if (span.dataset["step"] === String(key)) continue;
      span.dataset["step"] = String(key);
      const shade =
        signed && step > 0
          ? { background: palette.peek().css(value), color: palette.peek().ink(value) }
          : shades[step];
      span.style.backgroundColor = shade?.background ?? "";
      span.style.color = shade?.color ?? "";
    }
  };

  const recolour = (): void => {
    for (const index of blocks.keys()) colour(index);
  };

  const mark = (): void => {
    for (const [element, name] of marked) element.classList.remove(name);
    marked = [];
    const put = (token: number | null | undefined, name: string): void => {
      const span = spanOf(token ?? null);
      if (!span) return;
      span.classList.add(name);
      marked.push([span, name]);
    };
    put(locked(), "gw-locked");
    put(hover.peek()?.row, "gw-row");
    put(hover.peek()?.col, "gw-col");
    if (host.matches(":focus-visible")) put(active, "gw-active");
  };

  /** The token whose line is shown: of the query or of the key, as the direction has it. */
  const locked = (): number | null =>
    traits.direction.peek() === "from" ? traits.query.peek() : traits.key.peek();

  const lock = (token: number | null): void => {
    const [mine, other] =
      traits.direction.peek() === "from" ? [traits.query, traits.key] : [traits.key, traits.query];
    mine.value = mine.peek() === token ? null : token;
    other.value = null;
  };

  let special = new Set<number>();
  const build = (): void => {
    const { pieces: now = [], groups = null, special: marks = [] } = traits.tokens.value;
    if (now === pieces && blocks.length > 0) return;
    near.disconnect();
    pieces = now;
    special = new Set(marks);
    cuts = passages(pieces, groups);
    weights = undefined;
    active = Math.min(active, Math.max(0, pieces.length - 1));
    host.dir = textDirection(pieces.filter((_, token) => !special.has(token)));
    blocks = cuts.map(([from, to]) => {
      const block = document.createElement("span");
      block.textContent = pieces.slice(from, to).map(written).join("");
      return block;
    });
    host.replaceChildren(...blocks);
    if (blocks.length > 0) open(0);
    for (const block of blocks) near.observe(block);
  };

  const tokenOf = (event: Event): number | undefined => {
    const token = (event.target as HTMLElement).dataset?.["token"];
    return token === undefined ? undefined : Number(token);
  };

  const point = (token: number | null): void => {
    pointed.value = token;
    const fixed = locked();
    if (token === null) hover.value = null;
    else if (fixed === null) hover.value = { row: token, col: token };
    else {
      const value = weights?.[token];
      const [row, col] = traits.direction.peek() === "from" ? [fixed, token] : [token, fixed];
      hover.value = { row, col, ...(value !== undefined && { value }) };
    }
  };

  const showTip = (token: number, span: Element): void => {
    const box = panels.root.getBoundingClientRect();
    const at = span.getClientRects()[0] ?? span.getBoundingClientRect();
    const quiet = [`token ${token}, id ${traits.tokens.peek().ids?.[token] ?? "?"}`];
    const fixed = locked();
    const value = weights?.[token];
    if (fixed !== null && value !== undefined) {
      quiet.unshift(Number.isNaN(value) ? "no weight: masked" : `weight ${weight(value)}`);
    }
    tip.value = {
      x: at.left - box.left + at.width / 2,
      y: at.bottom - box.top,
      strong: `“${untracked(() => quote(traits, token))}”`,
      quiet,
    };
  };

  const { signal } = panels;
  const listening = { signal: AbortSignal.any([signal, ends]) };
  host.addEventListener(
    "pointermove",
    (event) => {
      const token = tokenOf(event);
      if (token === undefined || token === pointed.peek()) return;
      point(token);
      showTip(token, event.target as Element);
    },
    listening,
  );
  host.addEventListener(
    "pointerleave",
    () => {
      point(null);
      tip.value = null;
    },
    listening,
  );
  host.addEventListener(
    "click",
    (event) => {
      const token = tokenOf(event);
      if (token === undefined || String(getSelection() ?? "") !== "") return;
      active = token;
      lock(token);
    },
    listening,
  );
  host.addEventListener("focus", () => go(active, false), listening);
  host.addEventListener(
    "blur",
    () => {
      point(null);
      mark();
    },
    listening,
  );
  host.addEventListener(
    "keydown",
    (event) => {
      if (event.altKey || event.metaKey) return;
      if (event.key === "Enter" || event.key === " ") lock(active);
      else if (event.key === "Escape" && locked() !== null) lock(locked());
      else if (event.key === "ArrowUp" || event.key === "ArrowDown")
        go(lineOff(event.key === "ArrowDown" ? 1 : -1));
      else {
        const to = moveToken(active, event.key, pieces.length, host.dir === "rtl");
        if (to === undefined) return;
        go(to);
      }
      event.preventDefault();
      event.stopPropagation();
    },
    listening,
  );

  /** The token a line further down or up, at about the same place of it. */
  const lineOff = (way: 1 | -1): number => {
    const here = spanOf(active)?.getBoundingClientRect();
    if (!here) return active;
    const x = here.left + here.width / 2;
    let best = active;
    let least = Infinity;
    let line: number | undefined;
    for (let token = active + way; token >= 0 && token < pieces.length; token += way) {
      const box = spanOf(token)?.getBoundingClientRect();
      if (!box) break;
      const off = way * (box.bottom - here.bottom);
      if (off < here.height / 2) continue;
      line ??= off;
      if (off > line + here.height / 2) break;
      const away = Math.abs(box.left + box.width / 2 - x);
      if (away < least) [best, least] = [token, away];
    }
    return best;
  };

  const go = (token: number, tell = true): void => {
    if (pieces.length === 0) return;
    active = token;
    open(passageOf(cuts, token));
    const span = spanOf(token);
    host.setAttribute("aria-activedescendant", `${panels.id}-t${token}`);
    point(token);
    mark();
    if (tell) span?.scrollIntoView({ block: "nearest" });
  };

  const stops = [
    effect(build),
    effect(() => {
      const { accent, paper } = theme.value;
      const [from, ground] = [rgbOf(accent), rgbOf(paper)];
      shades = Array.from({ length: STEPS + 1 }, (_, step) => tint((step / STEPS) * 0.92, from, ground));
      void palette.value;
      for (const span of host.querySelectorAll<HTMLElement>("[data-step]")) delete span.dataset["step"];
      recolour();
    }),
    effect(() => {
      void [hover.value, traits.query.value, traits.key.value, traits.direction.value, traits.tokens.value];
      mark();
    }),
    // The line to show, asked for again whenever head, variant, record or token change.
    effect(() => {
      const direction = traits.direction.value;
      const fixed = direction === "from" ? traits.query.value : traits.key.value;
      const token = fixed ?? pointed.value;
      void [
        traits.layer.value,
        traits.head.value,
        traits.hideSink.value,
        traits.info.value,
        traits.tokens.value,
      ];
      const show = (line: Float32Array | undefined): void => {
        weights = line?.length === pieces.length ? line : undefined;
        recolour();
      };
      if (token === null || token >= pieces.length || traits.status.value !== "ready") return show(undefined);
      const there = lines.peek(token, direction);
      if (there) return show(there);
      const asking = new AbortController();
      const timer = setTimeout(
        () => {
          lines.fetch(token, direction, asking.signal).then(show, () => undefined);
        },
        fixed === null ? 60 : 0,
      );
      return () => {
        clearTimeout(timer);
        asking.abort();
      };
    }),
    effect(() => {
      const fixed = traits.direction.value === "from" ? traits.query.value : traits.key.value;
      if (fixed === null || fixed === active) return;
      open(passageOf(cuts, fixed));
      active = fixed;
      spanOf(fixed)?.scrollIntoView({ block: "nearest" });
    }),
  ];
  ends.addEventListener("abort", () => stops.forEach((stop) => stop()), { once: true });
}

/** Any CSS colour as the canvas understands it. */
function rgbOf(css: string): Rgb {
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return [128, 128, 128];
  context.fillStyle = css;
  context.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = context.getImageData(0, 0, 1, 1).data;
  return [red, green, blue];
}
