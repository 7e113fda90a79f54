import { describe, expect, it } from "vitest";
import { luminance } from "../../src/color";
import {
  moveToken,
  passageOf,
  passages,
  type Rgb,
  textDirection,
  tint,
  written,
} from "../../src/heatmap/passages";

describe("passages", () => {
  it("cover every token once, in order", () => {
    for (const length of [0, 1, 191, 192, 193, 5000, 32_768]) {
      const pieces = Array.from({ length }, (_, at) => (at % 3 === 0 ? " word" : "s"));
      const cuts = passages(pieces);
      expect(cuts.at(-1)?.[1] ?? 0).toBe(length);
      for (const [at, [from, to]] of cuts.entries()) {
        expect(from).toBe(cuts[at - 1]?.[1] ?? 0);
        expect(to).toBeGreaterThan(from);
        expect(to - from).toBeLessThanOrEqual(192);
      }
    }
  });

  it("end after a line where there is one, else before a word", () => {
    const pieces = Array.from({ length: 40 }, (_, at) => (at === 14 ? "\n" : at % 4 === 0 ? " a" : "b"));
    expect(passages(pieces, null, 20)[0]).toEqual([0, 15]);
    pieces[14] = "b";
    expect(passages(pieces, null, 18)[0]).toEqual([0, 16]);
  });

  it("do not cut a character in two", () => {
    const pieces = Array.from({ length: 30 }, () => "⟨E2⟩");
    const groups = pieces.map((_, at) => Math.floor(at / 4));
    expect(passages(pieces, groups, 10)[0]).toEqual([0, 12]);
  });

  it("are found by a token", () => {
    const cuts = passages(Array.from({ length: 1000 }, () => " a"));
    for (const token of [0, 191, 192, 500, 999]) {
      const [from, to] = cuts[passageOf(cuts, token)] ?? [0, 0];
      expect(token).toBeGreaterThanOrEqual(from);
      expect(token).toBeLessThan(to);
    }
  });
});

describe("written", () => {
  it("keeps words and markup as they are", () => {
    expect(written(" the")).toBe(" the");
    expect(written("</script><img src=x onerror=alert(1)>")).toBe("</script><img src=x onerror=alert(1)>");
  });

  it("shows what has no picture of its own", () => {
    expect(written("\n\n")).toBe("⏎\n⏎\n");
    expect(written("\t")).toBe("⇥");
    expect(written("\u0000\u001b\u007f")).toBe("␀␛␡");
    expect(written("\u202e")).toBe("⟨RLO⟩");
    expect(written("\r\n")).toBe("␍⏎\n");
    expect(written("  a  ")).toBe("  a  ");
    expect(written("\u0301a")).toBe("\u0301a");
  });
});

describe("reading direction", () => {
  it("is that of the first letter", () => {
    expect(textDirection(["<s>"])).toBe("ltr");
    expect(textDirection(["«", " שלום", " a"])).toBe("rtl");
    expect(textDirection(["12 ", "مرحبا"])).toBe("rtl");
    expect(textDirection(["⟨E2⟩", "🙂"])).toBe("ltr");
  });

  it("turns the arrow keys round", () => {
    expect(moveToken(5, { key: "ArrowRight", length: 10, rtl: false })).toBe(6);
    expect(moveToken(5, { key: "ArrowRight", length: 10, rtl: true })).toBe(4);
    expect(moveToken(9, { key: "ArrowRight", length: 10, rtl: false })).toBe(9);
    expect(moveToken(5, { key: "Home", length: 10, rtl: false })).toBe(0);
    expect(moveToken(5, { key: "End", length: 10, rtl: true })).toBe(9);
    expect(moveToken(5, { key: "Enter", length: 10, rtl: false })).toBeUndefined();
  });
});

/** Contrast ratio, 1 to 21: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
function contrast(one: Rgb, other: Rgb): number {
  const [first, second] = [luminance([...one]), luminance([...other])];
  return (Math.max(first, second) + 0.05) / (Math.min(first, second) + 0.05);
}

describe("tint", () => {
  const parse = (color: string): Rgb => {
    const [red = 0, green = 0, blue = 0] = color.match(/\d+/gu)?.map(Number) ?? [];
    return [red, green, blue];
  };
  const grounds: Rgb[] = [
    [255, 255, 255],
    [33, 33, 33],
  ];

  it("leaves a token that gets nothing alone", () => {
    expect(tint(0, [25, 118, 210], [255, 255, 255])).toEqual({ background: "", color: "" });
  });

  it("stays readable at every weight, light and dark", () => {
    for (const ground of grounds) {
      for (let share = 0.02; share <= 1; share += 0.02) {
        const { background, color } = tint(share, [25, 118, 210], ground);
        const letters: Rgb = color === "#000" ? [0, 0, 0] : [255, 255, 255];
        expect(contrast(parse(background), letters)).toBeGreaterThanOrEqual(4.5);
      }
    }
  });

  it("knows the extremes of contrast", () => {
    expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21);
    expect(contrast([9, 9, 9], [9, 9, 9])).toBe(1);
  });
});
