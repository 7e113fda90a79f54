// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { tellPage, together } from "../src/together";

function waiting() {
  const taken: (readonly number[])[] = [];
  const ends = new AbortController();
  return { taken, ends, give: together<number>((all) => taken.push(all), ends.signal) };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("what comes with a token", () => {
  it("is handed on when the page is told of the token", () => {
    const { taken, give } = waiting();
    give(1);
    give(2);
    expect(taken).toEqual([]);
    tellPage();
    expect(taken).toEqual([[1, 2]]);
    vi.runAllTimers();
    expect(taken).toHaveLength(1);
  });

  it("does not wait for a token that nobody tells of, or that was told just now", () => {
    const { taken, give } = waiting();
    give(1);
    vi.advanceTimersByTime(20);
    expect(taken).toEqual([[1]]);
    tellPage();
    vi.advanceTimersByTime(10);
    give(2);
    expect(taken).toEqual([[1], [2]]);
  });

  it("is not handed on to a view that has ended", () => {
    const { taken, give, ends } = waiting();
    give(1);
    ends.abort();
    tellPage();
    vi.runAllTimers();
    expect(taken).toEqual([]);
  });
});
