// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { seenVariant, stageOf } from "../../src/model";
import { bench, fakeModel, settled } from "../fake";
import { READY } from "./record";
import { all, show } from "./view";

const info = { ...READY.info, stages: ["raw", "scaled", "masked", "softmax", "value-weighted"] };
const OPEN = { ...READY, info };
const PICK = '[aria-label="What the large picture shows"]';

describe("a stage", () => {
  it("is part of the picture's name, where the head has it", () => {
    const { traits, model } = bench({ ...OPEN, stage: "raw" });
    expect(seenVariant(traits)).toBe("no_sink:raw");
    model.hear({ layer: "mean" });
    expect(seenVariant(traits)).toBe("no_sink");
    model.hear({ layer: 1, info: { ...info, stages: ["softmax"] } });
    expect(stageOf(traits)).toBe("softmax");
    model.hear({ info: { ...info, following: true } });
    expect(stageOf(traits)).toBe("softmax");
  });

  it("is chosen in the controls; of means, and of mere weights, there is none to choose", async () => {
    const model = fakeModel(OPEN);
    const root = show(model);
    const pick = root.querySelector(PICK) as HTMLSelectElement;
    expect(all(pick, "option")).toHaveLength(5);
    pick.value = "masked";
    pick.dispatchEvent(new Event("change"));
    await settled();
    expect(model.get("stage")).toBe("masked");
    model.hear({ head: "max" });
    expect(root.querySelector(PICK)).toBeNull();
    expect(show(fakeModel(READY)).querySelector(PICK)).toBeNull();
  });

  it("is said in words and in colours once its numbers are there, and not before", async () => {
    const model = fakeModel(OPEN);
    const root = show(model);
    const ticks = () => all(root, ".gw-legend span").map((one) => one.textContent);
    model.hear({ stage: "raw" });
    await settled();
    expect(ticks().at(-1)).toBe("1");
    const cells = new Uint8Array(36).fill(200);
    const { id, variant } = model.sent.filter(({ kind }) => kind === "tiles").at(-1);
    expect(variant).toBe("no_sink:raw");
    model.reply(id, { tiles: [[1, 0, 0, 0, 0, 6, 6, 1, 12.5]] }, [cells]);
    await settled();
    expect([ticks().at(0), ticks().at(-1)]).toEqual(["−12.5", "12.5"]);
    expect(root.querySelector(".gw-caption")?.textContent).toContain("query · key, before scale and mask");
    model.hear({ stage: "softmax" });
    expect(ticks().at(-1)).toBe("1");
  });
});
