import { describe, expect, it } from "vitest";
import { unpack } from "../src/columns";

/** The bytes that gptwidgets/widgets/columns.py makes of id [3, -1] and prob [[0.5, 2]], one byte further on. */
const bytes = (): Uint8Array => {
  const all = new Uint8Array(18);
  const view = new DataView(all.buffer, 1);
  view.setInt32(0, 3, true);
  view.setInt32(4, -1, true);
  view.setFloat32(8, 0.5, true);
  view.setFloat32(12, 2, true);
  return all.subarray(1, 17);
};

describe("unpack", () => {
  it("gives aligned columns whatever the bytes' offset", () => {
    const columns = unpack(
      [
        ["id", "<i4", [2]],
        ["prob", "<f4", [1, 2]],
      ],
      bytes(),
    );
    expect([...(columns.get("id")?.data ?? [])]).toEqual([3, -1]);
    expect(columns.get("prob")).toMatchObject({ shape: [1, 2], data: new Float32Array([0.5, 2]) });
  });

  it("refuses what does not fit together", () => {
    expect(() => unpack([["id", "<i4", [5]]], bytes())).toThrow("end within 'id'");
    expect(() => unpack([["id", "<f8", [1]]], bytes())).toThrow("<f8");
  });
});
