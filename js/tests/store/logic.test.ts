// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { sentence } from "../../src/store/card";
import { best } from "../../src/store/compare";
import { count } from "../../src/store/facets";
import { stops } from "../../src/store/fit";
import {
  bytes,
  context,
  day,
  distribution,
  language,
  licence,
  parameters,
  seconds,
  slug,
  speed,
  total,
  withoutFrontMatter,
} from "../../src/store/format";
import { announced, figures, jobOf } from "../../src/store/jobs";
import { stepped } from "../../src/store/list";
import { ariaSort, downward, turned } from "../../src/store/sorting";
import { source } from "../../src/store/versions";
import { job } from "./shop";

describe("figures", () => {
  it("are written short, and a dash where nobody knows", () => {
    expect([134_515_008, 1.236e9, 12_000, 512, null].map(parameters)).toEqual([
      "135 M",
      "1.24 B",
      "12 k",
      "512",
      "–",
    ]);
    expect([542e6, 1.06e9, 15.2e9, 48e3, undefined].map(bytes)).toEqual([
      "542 MB",
      "1.1 GB",
      "15 GB",
      "48 kB",
      "–",
    ]);
    expect([8192, 131_072, 512, null].map(context)).toEqual(["8k", "128k", "512", "–"]);
    expect([42.51, 1234.5, null].map(speed)).toEqual(["42.5", "1,235", "–"]);
    expect([0.12, 2.5, null].map(seconds)).toEqual(["120 ms", "2.5 s", "–"]);
    expect([total(24), total(10_000, true)]).toEqual(["24", "10,000+"]);
    expect([day("2026-11-21T23:59:00+00:00"), day(null), day("nonsense")]).toEqual(["21 Nov 2026", "", ""]);
    expect([licence("LicenseRef-Gemma"), language("de"), language("no such")]).toEqual([
      "Gemma",
      "German",
      "no such",
    ]);
  });

  it("of reviews are counted from five stars down", () => {
    expect(distribution([5, 4, 5, 1].map((stars) => ({ stars })))).toEqual([2, 1, 0, 0, 1]);
  });

  it("that are best are told where there are two", () => {
    expect(best([1, 3, null], "most")).toEqual([false, true, false]);
    expect(best([1, 3, 1], "least")).toEqual([true, false, true]);
    expect(best([1, null], "most")).toEqual([false, false]);
    expect(best([1, 2], undefined)).toEqual([false, false]);
  });
});

describe("words", () => {
  it("of a card begin after what machines read", () => {
    expect(withoutFrontMatter("---\nlicense: mit\n---\n# One\n\n---\ntwo")).toBe("# One\n\n---\ntwo");
    expect(withoutFrontMatter("# One\n---\n")).toBe("# One\n---\n");
  });

  it("of a title make a name", () => {
    expect([slug("My Model 1.5B (small)"), slug("--Ä--")]).toEqual(["my-model-1.5b-small", ""]);
  });

  it("say whether it fits, and by how much", () => {
    const verdict = { fits: true, why: "GPT-2 fits on the CPU.", total: 1.1e9, free: 3e9 };
    expect(sentence(verdict)).toBe("Fits here: needs 1.1 GB of 3.0 GB free");
    expect(sentence({ ...verdict, fits: false, total: 4e9 })).toBe(
      "Does not fit here: needs 4.0 GB, 3.0 GB free",
    );
    expect(sentence({ fits: null, why: "Nobody knows.", total: null, free: null })).toBe("Nobody knows.");
    expect(sentence(undefined).trim()).toBe("");
  });

  it("say where files come from", () => {
    expect(source({ kind: "hub", repository: "a/b" })).toBe("the Hugging Face Hub, a/b");
    expect(source(null)).toBe("somewhere that nobody noted");
  });
});

describe("sorting", () => {
  it("begins with a figure's own sense and turns with the next press", () => {
    const first = turned({ sort: "relevance", descending: null }, "stars");
    expect(first).toEqual({ sort: "stars", descending: true });
    expect(turned(first, "stars")).toEqual({ sort: "stars", descending: false });
    expect(turned(first, "bits_per_byte")).toEqual({ sort: "bits_per_byte", descending: false });
    expect(downward({ sort: "memory", descending: null })).toBe(false);
    expect(ariaSort(first, "stars")).toBe("descending");
    expect(ariaSort(first, "memory")).toBe("none");
  });
});

describe("facets", () => {
  it("tell what they leave, nothing, or that nobody counted", () => {
    const counted = [
      ["chat", 12],
      ["story", 10_000],
    ] as const;
    expect([count(counted, "chat"), count(counted, "story"), count(counted, "code")]).toEqual([
      "12",
      "10,000",
      "0",
    ]);
    expect(
      count(
        [
          ["yes", 3],
          ["no", 4],
        ],
        true,
      ),
    ).toBe("3");
    expect(count([[false, 4]], false)).toBe("4");
    expect(count(undefined, "chat")).toBe("");
  });
});

describe("keys", () => {
  it("walk over cards that stand side by side, and stay within them", () => {
    const to = (key: string, at: number): number | undefined => stepped(key, at, 8, 3);
    expect([to("ArrowRight", 2), to("ArrowDown", 2), to("ArrowUp", 4), to("ArrowLeft", 4)]).toEqual([
      3, 5, 1, 3,
    ]);
    expect([to("ArrowDown", 6), to("ArrowLeft", 0), to("Home", 5), to("End", 5), to("x", 5)]).toEqual([
      6,
      0,
      0,
      7,
      undefined,
    ]);
  });
});

describe("a job", () => {
  it("says how much, how fast and how long", () => {
    expect(figures(job())).toBe("130 MB of 540 MB · 24 % · 24 MB/s · about 17 s left");
    expect(figures(job({ total: null, speed: null, left_s: null }))).toBe("one moment");
    expect(figures(job({ unit: "steps", done: 2, total: 5, left_s: 0.5, speed: 1 }))).toBe(
      "2 of 5 steps · 40 % · nearly done",
    );
    expect(figures(job({ state: "waiting", position: 2 }))).toBe("waits for 2 jobs");
  });

  it("is heard when it begins and ends", () => {
    expect(announced(job())).toBe("Installing a.");
    expect(announced(job({ state: "done" }))).toBe("a is installed.");
    expect(announced(job({ state: "failed", error: "No room." }))).toBe("Installing a failed: No room.");
  });

  it("of a model is the newest of its kind", () => {
    const all = [job({ id: "1", state: "cancelled" }), job({ id: "2" }), job({ id: "3", kind: "measure" })];
    expect(jobOf(all, "a", "install")?.id).toBe("2");
    expect(jobOf(all, "b", "install")).toBeUndefined();
  });
});

describe("a context's slider", () => {
  it("stops at powers of two and at the end", () => {
    expect(stops(1000)).toEqual([128, 256, 512, 1000]);
    expect(stops(128)).toEqual([128]);
    expect(stops(64)).toEqual([64]);
  });
});
