import { describe, expect, it } from "vitest";
import {
  type Box,
  COARSEST,
  cellsAt,
  clamp,
  coarsest,
  levelFor,
  niceStep,
  panned,
  pointAt,
  type Region,
  regionOf,
  shaped,
  showing,
  TILE,
  tilesOf,
  viewOf,
  whole,
  xOf,
  yOf,
  zoomAbout,
} from "../../src/heatmap/viewport";

const plot: Box = { x: 80, y: 20, width: 640, height: 400 };
const LENGTHS = [1, 3, 64, 65, 257, 1000, 8192, 32_768];

/** The same numbers in every run. */
function chance(seed = 7): () => number {
  let state = seed;
  return () => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function anyRegion(random: () => number, length: number): Region {
  const cells = () => 1 + random() * (length - 1);
  const draw = { row0: random() * length, col0: random() * length, rows: cells(), cols: cells() };
  return clamp(draw, length, 1);
}

const isInside = ({ row0, col0, rows, cols }: Region, length: number): boolean =>
  Math.min(row0, col0) >= 0 &&
  Math.max(row0 + rows, col0 + cols) <= length + 1e-9 &&
  Math.min(rows, cols) > 0;

describe("a region", () => {
  it("stays inside the head, whatever is done to it", () => {
    const random = chance();
    for (const length of LENGTHS) {
      for (let i = 0; i < 200; i++) {
        const region = anyRegion(random, length);
        const point = [random() * length, random() * length] as const;
        expect(isInside(zoomAbout(region, 10 ** (random() * 4 - 2), point, length, 4), length)).toBe(true);
        expect(isInside(panned(region, (random() - 0.5) * 9e4, (random() - 0.5) * 9e4, length), length)).toBe(
          true,
        );
        expect(isInside(shaped(region, length, 4), length)).toBe(true);
      }
    }
  });

  it("zooms about a point that stays where it is", () => {
    const region = { row0: 2000, col0: 1000, rows: 1000, cols: 1000 };
    const at = pointAt(300, 200, region, plot);
    const closer = zoomAbout(region, 3, at, 8192, 4);
    expect(xOf(at[1], closer, plot)).toBeCloseTo(300, 6);
    expect(yOf(at[0], closer, plot)).toBeCloseTo(200, 6);
    expect(closer.rows).toBeCloseTo(1000 / 3, 6);
  });

  it("comes back when it zooms out again", () => {
    const region = { row0: 2000, col0: 1500, rows: 800, cols: 800 };
    const back = zoomAbout(zoomAbout(region, 2, [2300, 1800], 8192, 4), 0.5, [2300, 1800], 8192, 4);
    expect(back.row0).toBeCloseTo(region.row0, 6);
    expect(back.cols).toBeCloseTo(region.cols, 6);
  });

  it("keeps the shape of its cells down to the smallest part, and ends with the whole head", () => {
    const region = { row0: 0, col0: 0, rows: 100, cols: 50 };
    const near = zoomAbout(region, 1e6, [50, 25], 1000, 5);
    expect(near.rows / near.cols).toBeCloseTo(2, 6);
    expect(near.cols).toBeCloseTo(5, 6);
    expect(zoomAbout(region, 1e-6, [50, 25], 1000, 5)).toEqual(whole(1000));
  });

  it("goes to the view trait and back", () => {
    expect(viewOf(whole(100), 100)).toEqual([]);
    expect(regionOf([], 100)).toEqual(whole(100));
    const region = { row0: 10.5, col0: 3, rows: 20, cols: 20 };
    expect(regionOf(viewOf(region, 100), 100)).toEqual(region);
    expect(regionOf([Number.NaN, 0, 5, 5], 100)).toEqual(whole(100));
    expect(regionOf([1, 2], 100)).toEqual(whole(100));
    expect(isInside(regionOf([-5, 900, 5000, -3], 100), 100)).toBe(true);
  });

  it("moves no further than it must to show a cell", () => {
    const region = { row0: 10, col0: 10, rows: 5, cols: 5 };
    expect(showing(region, 12, 12, 100)).toEqual(region);
    expect(showing(region, 15, 9, 100)).toEqual({ row0: 11, col0: 9, rows: 5, cols: 5 });
  });
});

describe("pixels and tokens", () => {
  it("are each other's inverse", () => {
    const random = chance(3);
    for (let i = 0; i < 200; i++) {
      const region = anyRegion(random, 5000);
      const [row, col] = [random() * 5000, random() * 5000];
      const [r, c] = pointAt(xOf(col, region, plot), yOf(row, region, plot), region, plot);
      expect(r).toBeCloseTo(row, 6);
      expect(c).toBeCloseTo(col, 6);
    }
  });
});

describe("the level", () => {
  it("has no cell smaller than a device pixel, and none twice as large as need be", () => {
    const random = chance(5);
    for (const length of LENGTHS) {
      for (const ratio of [1, 1.5, 2]) {
        for (let i = 0; i < 50; i++) {
          const region = anyRegion(random, length);
          const level = levelFor(region, plot, ratio, length);
          const perPixel = Math.max(region.rows / (plot.height * ratio), region.cols / (plot.width * ratio));
          expect(level).toBeLessThanOrEqual(coarsest(length));
          if (level < coarsest(length)) expect(2 ** level).toBeGreaterThanOrEqual(perPixel - 1e-4);
          if (level > 0) expect(2 ** (level - 1)).toBeLessThan(perPixel + 1e-4);
        }
      }
    }
  });

  it("that is coarsest is the thumbnail's", () => {
    expect(LENGTHS.map(coarsest)).toEqual([0, 0, 1, 2, 4, 5, 8, 10]);
    for (const length of LENGTHS) expect(cellsAt(coarsest(length), length)).toBeLessThanOrEqual(COARSEST);
  });
});

describe("the tiles of a region", () => {
  it("cover it, each once, and leave out what is above the diagonal", () => {
    const random = chance(11);
    for (const length of LENGTHS) {
      for (let i = 0; i < 40; i++) {
        const region = anyRegion(random, length);
        const level = levelFor(region, plot, 1, length);
        for (const causal of [true, false]) {
          const tiles = tilesOf(region, level, length, causal);
          const names = new Set(tiles.map(({ row, col }) => `${row},${col}`));
          expect(names.size).toBe(tiles.length);
          const span = TILE * 2 ** level;
          for (let j = 0; j < 20; j++) {
            const row = Math.floor(region.row0 + random() * region.rows * 0.999);
            const col = Math.floor(region.col0 + random() * region.cols * 0.999);
            const there = names.has(`${Math.floor(row / span)},${Math.floor(col / span)}`);
            expect(there).toBe(!causal || Math.floor(col / span) <= Math.floor(row / span));
          }
          for (const { row, col } of tiles) {
            expect(row * span).toBeLessThan(length);
            expect(col * span).toBeLessThan(length);
          }
        }
      }
    }
  });

  it("begin in its middle", () => {
    const [first] = tilesOf({ row0: 2048, col0: 1024, rows: 1280, cols: 1280 }, 0, 8192, true);
    expect(first).toEqual({ level: 0, row: 10, col: 6 });
  });
});

describe("a ruler's step", () => {
  it("is 1, 2 or 5 times a power of ten, and the smallest that is enough", () => {
    expect([0.3, 1, 1.5, 3, 7, 11, 99, 2001].map(niceStep)).toEqual([1, 1, 2, 5, 10, 20, 100, 5000]);
  });
});
