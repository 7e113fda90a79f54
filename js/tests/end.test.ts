// @vitest-environment happy-dom
import { afterEach, expect, it, vi } from "vitest";
import { build, h } from "../src/dom";
import { stayAtEnd } from "../src/end";

let resized: () => void;

/** A scroller of 100 pixels over a text of 300. */
function scroller() {
  vi.stubGlobal(
    "ResizeObserver",
    class {
      constructor(told: () => void) {
        resized = told;
      }
      observe = vi.fn();
      disconnect = vi.fn();
    },
  );
  const host = h("div");
  let [top, height] = [200, 300];
  Object.defineProperties(host, {
    clientHeight: { get: () => 100 },
    scrollHeight: { get: () => height },
    scrollTop: {
      get: () => top,
      set: (to: number) => {
        top = Math.min(to, height - 100);
      },
    },
  });
  const [growing, end] = build(() => stayAtEnd(host));
  growing(h("p"));
  return {
    end,
    grow(by: number): number {
      height += by;
      resized();
      return top;
    },
    scroll(to: number): void {
      top = to;
    },
    tell: () => host.dispatchEvent(new Event("scroll")),
  };
}

afterEach(() => vi.unstubAllGlobals());

it("stays at the end for a reader who is there", () => {
  const { grow, tell } = scroller();
  expect(grow(20)).toBe(220);
  tell();
  expect(grow(20)).toBe(240);
});

it("leaves a reader where he scrolled to, and goes on once he is back", () => {
  const { grow, tell, scroll } = scroller();
  scroll(50);
  tell();
  expect(grow(20)).toBe(50);
  scroll(220);
  tell();
  expect(grow(20)).toBe(240);
});

it("hears of a reader's scroll that comes in the same frame as its own", () => {
  const { grow, tell, scroll } = scroller();
  grow(20);
  scroll(50);
  tell();
  expect(grow(20)).toBe(50);
});
