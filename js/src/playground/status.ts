// One line of figures: how fast, how soon, how much.
import { type Child, h } from "../dom";
import { whole } from "../numbers";
import { fixed, megabytes } from "./figures";
import type { Play } from "./play";

export function status(play: Play): Child {
  const { story, traits, running, mode } = play;
  const figure = (name: string, title: string, value: () => string): Child =>
    h("span.gw-figure", { title }, h("b", {}, value), ` ${name}`);
  const { figures } = story;
  const used = (): string => {
    const most = traits.info.value.context_length;
    const now = figures.value.context_used ?? 0;
    return most ? `${whole(now)} of ${whole(most)}` : whole(now);
  };
  const ended = (): string =>
    running.value ? "writing" : play.state(story.entries.value.get(traits.leaf.value));
  return h(
    "footer.gw-status",
    {},
    figure("tokens/s", "Tokens a second of the last run", () => fixed(figures.value.tokens_per_second, 1)),
    figure("ms to the first", "From Run to the first token", () => fixed(figures.value.first_token_ms, 0)),
    figure("tokens of context", "How much of the model's context is used", used),
    figure("memory", "What the run and its cache hold", () => megabytes(figures.value.memory_bytes ?? 0)),
    () =>
      (figures.value.queued ?? 0) > 0 && figure("waiting", "Runs that wait", () => `${figures.value.queued}`),
    h("span.gw-push"),
    h("span.gw-ended", {}, () => (mode.value === "score" ? "" : ended())),
    h("span.gw-quiet", {}, () => modelName(traits.info.value)),
  );
}

const modelName = ({ name, device, dtype }: { name?: string; device?: string; dtype?: string }): string =>
  [name, device, dtype].filter(Boolean).join(" · ");
