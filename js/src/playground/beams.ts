// Beam search, step by step: in each step the beams that were kept and those that were dropped, with their scores,
// and lines to what they go on from.
import { type Child, h } from "../dom";
import { svg } from "../svg";
import { visible } from "../tokens";
import { fixed } from "./figures";
import type { Play } from "./play";
import type { BeamStep } from "./story";

const WIDE = 104;
const HIGH = 36;
const BOX = 84;

export function beams(play: Play): Child {
  const { story, traits } = play;
  return () => {
    const steps = story.beams.value.get(traits.leaf.value) ?? [];
    return (
      steps.length > 0 &&
      h(
        "section.gw-beams",
        { "aria-label": "Beam search" },
        h(
          "header.gw-bar",
          {},
          h("h3", {}, "Beams"),
          h("span.gw-quiet", {}, "score = sum of log-probabilities; struck out: dropped"),
        ),
        h("div.gw-scroll", { tabindex: 0 }, drawing(steps)),
      )
    );
  };
}

function drawing(steps: readonly BeamStep[]): Node {
  const most = Math.max(...steps.map(({ beams: all }) => all.length));
  const x = (step: number): number => step * WIDE;
  const y = (row: number): number => row * HIGH;
  const lines: Node[] = [];
  const boxes: Node[] = [];
  for (const [k, step] of steps.entries()) {
    for (const [row, beam] of step.beams.entries()) {
      const state = beam.finished ? "gw-done" : beam.kept ? "gw-stays" : "gw-dropped";
      if (k > 0 && beam.parent >= 0) {
        const from = [x(k - 1) + BOX, y(beam.parent) + HIGH / 2 - 3];
        const to = [x(k), y(row) + HIGH / 2 - 3];
        const middle = (Number(from[0]) + Number(to[0])) / 2;
        const d = `M${from.join()}C${middle},${from[1]} ${middle},${to[1]} ${to.join()}`;
        lines.push(svg("path", { d, class: state }));
      }
      const piece = visible(beam.piece);
      boxes.push(
        svg(
          "g",
          { class: state, transform: `translate(${x(k)},${y(row)})` },
          svg("rect", { width: BOX, height: HIGH - 6, rx: 3 }),
          svg("text", { x: 6, y: 13 }, piece.length > 11 ? `${[...piece].slice(0, 10).join("")}…` : piece),
          svg("text", { x: 6, y: 26, class: "gw-score" }, fixed(beam.score, 2)),
        ),
      );
    }
  }
  const width = x(steps.length);
  const height = y(most);
  const label = `${steps.length} steps of beam search, at most ${most} beams a step`;
  return svg(
    "svg",
    { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    ...lines,
    ...boxes,
  );
}
