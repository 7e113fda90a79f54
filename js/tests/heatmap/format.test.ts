import { describe, expect, it } from "vitest";
import { fileName, headTitle, score, tokenCount, weight } from "../../src/heatmap/format";
import { timeLeft } from "../../src/numbers";

describe("numbers", () => {
  it("are as exact as is of use", () => {
    expect(weight(0.751_26)).toBe("0.7513");
    expect(weight(0.000_07)).toBe("7e-5");
    expect(weight(0)).toBe("0");
    expect(weight(-0.25)).toBe("-0.2500");
    expect(weight(Number.NaN)).toBe("–");
    expect(weight(undefined)).toBe("–");
    expect(score(3.456)).toBe("3.46");
    expect(score(12_345.6)).toBe("12,346");
    expect(tokenCount(1)).toBe("1 token");
    expect(tokenCount(32_768)).toBe("32,768 tokens");
  });

  it("say how long it still takes, and nothing where nobody knows", () => {
    expect(timeLeft(12.3)).toBe("about 12 s left");
    expect(timeLeft(200)).toBe("about 3 min left");
    expect(timeLeft(null)).toBe("");
    expect(timeLeft(Infinity)).toBe("");
  });
});

describe("names", () => {
  it("say which head", () => {
    expect(headTitle(13, 8)).toBe("Layer 13 · Head 8");
    expect(headTitle("mean", "max")).toBe("Mean of layers · Maximum of heads");
  });

  it("make a file's name that every system takes", () => {
    expect(fileName("HuggingFaceTB/SmolLM2-135M-Instruct", 13, 8, "png")).toBe(
      "smollm2-135m-instruct_L13H8.png",
    );
    expect(fileName("../../etc/passwd", 0, "mean", "csv")).toBe("passwd_L0Hmean.csv");
    expect(fileName("", 0, 0, "svg")).toBe("attention_L0H0.svg");
    expect(fileName("模型", 0, 0, "svg")).toBe("attention_L0H0.svg");
    expect(fileName("a<b>:c|d?", 0, 0, "svg")).toBe("a-b-c-d_L0H0.svg");
  });
});
