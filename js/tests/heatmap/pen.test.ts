// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from "vitest";
import { makeCanvas } from "../../src/heatmap/pen";

afterEach(() => vi.unstubAllGlobals());

describe("a canvas beside the page", () => {
  it("is an ordinary one where the browser has no other", () => {
    vi.stubGlobal("OffscreenCanvas", undefined);
    const canvas = makeCanvas(30, 12);
    expect(canvas).toBeInstanceOf(HTMLCanvasElement);
    expect([canvas.width, canvas.height]).toEqual([30, 12]);
    expect((canvas as HTMLCanvasElement).isConnected).toBe(false);
  });

  it("asks nothing of the page where there is the other", () => {
    const Other = vi.fn();
    vi.stubGlobal("OffscreenCanvas", Other);
    expect(makeCanvas(30, 12)).toBeInstanceOf(Other);
    expect(Other).toHaveBeenCalledWith(30, 12);
  });
});
