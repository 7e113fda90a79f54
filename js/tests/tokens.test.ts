import { describe, expect, it } from "vitest";
import { JOINED, named, spelled, visible } from "../src/tokens";

describe("a token's label", () => {
  it("shows what has no ink", () => {
    expect(visible(" so\n\t")).toBe("·so⏎⇥");
    expect(visible("\u0000\u001b\u007f")).toBe("␀␛␡");
    expect(visible("\u00a0\u200b\ufeff")).toBe("⟨NBSP⟩⟨ZWSP⟩⟨BOM⟩");
    expect(visible("\ud800")).toBe("⟨U+D800⟩");
  });

  it("cannot turn the line around", () => {
    expect(visible("a\u202eb\u2067c")).toBe("a⟨RLO⟩b⟨RLI⟩c");
  });

  it("leaves what can be read as it is", () => {
    for (const text of ["word", "it's", "日本語", "שלום", "⟨E2 80⟩", "⟨id 49200⟩", "<b>"]) {
      expect(visible(text)).toBe(text);
    }
  });

  it("keeps a joiner where it joins, and puts a lone accent on a circle", () => {
    expect(visible("👨\u200d👩\u200d👧")).toBe("👨\u200d👩\u200d👧");
    expect(visible("\u200d")).toBe("⟨ZWJ⟩");
    expect(visible("\u0301x")).toBe("◌\u0301x");
  });
});

describe("a split character", () => {
  const tokens = {
    pieces: ["a", "⟨E7⟩", "⟨8C⟩", "⟨AB⟩", "は"],
    groups: [0, 1, 1, 1, 2],
    group_text: { 1: "猫" },
  };

  it("stands whole at its first token, and a tie for each other", () => {
    expect(tokens.pieces.map((_, at) => spelled(tokens, at))).toEqual(["a", "猫", JOINED, JOINED, "は"]);
    expect(spelled(tokens, 5)).toBeUndefined();
  });

  it("is named with the part that a token is", () => {
    expect([0, 1, 3].map((at) => named(tokens, at))).toEqual([
      ["a", ""],
      ["猫", "1/3"],
      ["猫", "3/3"],
    ]);
  });
});
