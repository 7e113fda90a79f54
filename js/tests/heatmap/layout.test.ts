import { describe, expect, it } from "vitest";
import {
  arrange,
  lay,
  move,
  nameOf,
  paint,
  placeAt,
  placeOf,
  rectOf,
  reveal,
  visible,
} from "../../src/heatmap/layout";

const layersOf = (count: number): number[] => [...new Array(count).keys()];

const SCORES = {
  columns: ["entropy", "first"],
  rows: [
    [0, 0, 2.5, 0.1],
    [0, 1, 0.5, 0.9],
    [1, 0, 1.5, 0.4],
    [1, 1, null, 0.2],
  ],
};

describe("arrange", () => {
  it("puts layers down and heads across, with the real numbers of the layers", () => {
    const { cells, columns } = arrange([4, 8], 3);
    expect(columns).toBe(3);
    expect(cells.map((cell) => nameOf(cell.layer, cell.head))).toEqual([
      "L4H0",
      "L4H1",
      "L4H2",
      "L8H0",
      "L8H1",
      "L8H2",
    ]);
  });

  it("adds means and maxima as further rows and columns", () => {
    const { cells, columns } = arrange([0, 1], 2, { aggregates: true });
    expect(columns).toBe(4);
    expect(cells).toHaveLength(16);
    expect(cells.at(2)).toMatchObject({ layer: 0, head: "mean" });
    expect(cells.at(-1)).toMatchObject({ layer: "max", head: "max" });
  });

  it("ranks by a score and leaves out heads that have none", () => {
    const down = arrange([0, 1], 2, { sort: "entropy", descending: true, scores: SCORES });
    expect(down.cells.map((cell) => cell.value)).toEqual([2.5, 1.5, 0.5]);
    expect(arrange([0, 1], 2, { sort: "induction", scores: SCORES })).toEqual(arrange([0, 1], 2));
    const up = arrange([0, 1], 2, { sort: "entropy", descending: false, scores: SCORES });
    expect(up.cells.map((cell) => nameOf(cell.layer, cell.head))).toEqual(["L0H1", "L1H0", "L0H0"]);
  });

  it("filters: faint in the grid, gone from a ranking", () => {
    const filter: [string, number, number] = ["first", 0.15, 0.5];
    const grid = arrange([0, 1], 2, { filter, scores: SCORES });
    expect(grid.cells.map((cell) => cell.kept)).toEqual([false, false, true, true]);
    const ranked = arrange([0, 1], 2, { filter, sort: "first", descending: true, scores: SCORES });
    expect(ranked.cells.map((cell) => cell.value)).toEqual([0.4, 0.2]);
  });

  it("names means without a number", () => {
    expect(nameOf("mean", 3)).toBe("mean H3");
    expect(nameOf(3, "max")).toBe("L3 max");
    expect(nameOf("mean", "max")).toBe("mean max");
  });
});

const SHAPES = [
  [1, 1],
  [6, 6],
  [12, 12],
  [30, 9],
  [80, 64],
] as const;

describe.each(SHAPES)("the grid of %i layers by %i heads", (rows, columns) => {
  const layout = lay(arrange(layersOf(rows), columns), 340, 520);

  it("finds every cell by a point in it and knows where it stands", () => {
    for (let place = 0; place < rows * columns; place++) {
      const { x, y, width, height } = rectOf(layout, place);
      expect(placeAt(layout, x, y)).toBe(place);
      expect(placeAt(layout, x + width - 1, y + height - 1)).toBe(place);
    }
  });

  it("never makes a cell too small to be seen, nor one larger than is of use", () => {
    expect(layout.cellWidth).toBeGreaterThanOrEqual(9);
    expect(layout.cellHeight).toBeGreaterThanOrEqual(9);
    expect(layout.cellWidth).toBeLessThanOrEqual(128);
    expect(layout.cellWidth).toBeLessThanOrEqual(2 * layout.cellHeight);
  });

  it("fits its window, or scrolls", () => {
    const fits = layout.width <= 340 && layout.height <= 520;
    expect(fits).toBe(rows * columns < 400);
  });

  it("does not leave the grid, whatever the key", () => {
    for (const key of [
      "ArrowLeft",
      "ArrowRight",
      "ArrowUp",
      "ArrowDown",
      "Home",
      "End",
      "PageUp",
      "PageDown",
    ]) {
      for (const place of [0, columns - 1, rows * columns - 1]) {
        const to = move(layout, place, { key }) ?? -1;
        expect(to).toBeGreaterThanOrEqual(0);
        expect(to).toBeLessThan(rows * columns);
      }
    }
  });
});

describe("blocks", () => {
  it("stand side by side where many layers of few heads would be squeezed", () => {
    const layout = lay(arrange(layersOf(30), 9), 560, 500);
    expect(layout.deep).toBe(15);
    expect(layout.cellHeight).toBeGreaterThan(lay(arrange(layersOf(30), 9), 300, 500).cellHeight);
    expect(rectOf(layout, 15 * 9)).toMatchObject({ x: layout.left + layout.stepBlock, y: layout.top });
    expect(placeAt(layout, layout.stepBlock + layout.left, layout.top)).toBe(15 * 9);
    expect(placeAt(layout, layout.stepBlock + 1, layout.top)).toBe(-1);
    expect(layout.width).toBeLessThanOrEqual(560);
    expect(visible(layout, 0, 500)).toEqual([0, 270]);
  });

  it("are not made for a model that is square", () => {
    expect(lay(arrange(layersOf(12), 12), 560, 500).deep).toBe(12);
  });
});

describe("keys", () => {
  const layout = lay(arrange(layersOf(30), 9), 340, 520);

  it.each([
    ["ArrowRight", 10, 11],
    ["ArrowLeft", 9, 8],
    ["ArrowUp", 4, 4],
    ["ArrowUp", 13, 4],
    ["ArrowDown", 13, 22],
    ["ArrowDown", 265, 265],
    ["Home", 13, 9],
    ["End", 13, 17],
    ["PageDown", 4, 49],
    ["PageDown", 263, 263],
    ["PageUp", 49, 4],
    ["PageUp", 4, 4],
  ])("%s leads from %i to %i", (key, from, to) => {
    expect(move(layout, from, { key })).toBe(to);
  });

  it("knows only its own keys", () => {
    expect(move(layout, 3, { key: "a" })).toBeUndefined();
    expect(move(layout, 3, { key: "Tab" })).toBeUndefined();
  });

  it("goes to the first and the last head with Control", () => {
    expect(move(layout, 100, { key: "Home", whole: true })).toBe(0);
    expect(move(layout, 100, { key: "End", whole: true })).toBe(269);
  });

  it("has nowhere to go in a ranking that a filter emptied", () => {
    const scores = SCORES;
    const empty = arrange([0, 1], 2, { sort: "first", filter: ["first", 2, 3], scores });
    expect(move(lay(empty, 300, 300), 0, { key: "ArrowDown" })).toBeUndefined();
  });

  it("moves along a ranking's own lines", () => {
    const rows = layersOf(5).flatMap((layer) => layersOf(4).map((head) => [layer, head, layer * 4 + head]));
    const scores = { columns: ["entropy"], rows };
    const ranking = lay(arrange(layersOf(5), 4, { sort: "entropy", scores }), 270, 400);
    expect(ranking.columns).toBe(4);
    expect(move(ranking, 1, { key: "ArrowDown" })).toBe(5);
    expect(placeOf(ranking, 4, 3)).toBe(0);
  });
});

describe("drawing only what shows", () => {
  const layout = lay(arrange(layersOf(80), 64), 340, 520);

  it("takes a window's rows and one more on each side", () => {
    const [from, to] = visible(layout, 10 * layout.stepY + layout.top, 5 * layout.stepY);
    expect(from).toBe(9 * 64);
    expect(to).toBe(16 * 64);
    expect(visible(layout, 0, 520)[0]).toBe(0);
    expect(visible(layout, 1e6, 520)).toEqual([80 * 64, 80 * 64]);
  });

  it("scrolls no further than is needed", () => {
    expect(reveal(100, 50, 120, 10)).toBe(100);
    expect(reveal(100, 50, 90, 10)).toBe(90);
    expect(reveal(100, 50, 145, 10)).toBe(105);
  });
});

describe("paint", () => {
  const colors = Uint32Array.from({ length: 256 }, (_, code) => code);
  const draw = (stride: number, box: [number, number, number, number], codes: number[], side: number) => {
    const data = new Uint32Array(stride * stride);
    const [x, y, width, height] = box;
    const thumbnail = { codes: Uint8Array.from(codes), rows: side, cols: side };
    return {
      data,
      go: (signed = false) => paint({ data, stride }, { x, y, width, height }, thumbnail, { colors, signed }),
    };
  };

  it("keeps the strongest of the codes that share a pixel", () => {
    const { data, go } = draw(2, [0, 0, 2, 2], [0, 9, 1, 1, 3, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0, 7], 4);
    go();
    expect([...data]).toEqual([9, 200, 0, 7]);
  });

  it("repeats a cell over several pixels", () => {
    const { data, go } = draw(4, [0, 0, 4, 4], [5, 0, 6, 7], 2);
    go();
    expect([...data.slice(0, 4)]).toEqual([5, 5, 0, 0]);
    expect([...data.slice(12)]).toEqual([6, 6, 7, 7]);
  });

  it("takes the largest magnitude of signed codes", () => {
    const { data, go } = draw(1, [0, 0, 1, 1], [130, 20, 0, 200], 2);
    go(true);
    expect(data[0]).toBe(20);
  });

  it("leaves what lies outside the target alone", () => {
    const { data, go } = draw(2, [-1, -1, 2, 2], [1, 2, 3, 4], 2);
    go();
    expect([...data]).toEqual([4, 0, 0, 0]);
    const other = draw(2, [1, 1, 2, 2], [8, 8, 8, 8], 2);
    other.go();
    expect([...other.data]).toEqual([0, 0, 0, 8]);
  });
});
