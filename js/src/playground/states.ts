// What stands where the text will be, and the notes above it: a model that loads, an error, a closed model, no
// kernel.
import { type Child, h } from "../dom";
import { jobCard } from "../job";
import { button, noteLines } from "../ui";
import type { Play } from "./play";
import { run } from "./prompt";

export function front(play: Play): Child {
  const { traits, ask } = play;
  return () => {
    if (traits.status.value === "loading" && play.connection.value !== "silent") {
      return jobCard(
        traits.progress,
        () => "loading the model",
        () => void ask("stop"),
      );
    }
    return traits.status.value === "error" && failure(play);
  };
}

/** What went wrong with the last run; the text so far stays, and the next run is one press away. */
function failure(play: Play): Child {
  const { error } = play.traits;
  return h(
    "div.gw-card.gw-failure",
    { role: "alert" },
    h("h3", {}, "This did not work"),
    h("p", {}, () => error.value.message || "The run ended without a reason."),
    h("p.gw-quiet", {}, () => error.value.action ?? ""),
    h(
      "div.gw-group",
      {},
      button("Run again", () => run(play)),
    ),
  );
}

/** Quiet lines, where there is something to know. */
export function notes({ traits, connection, said, story }: Play): Child {
  const lines = (): string[] => {
    const all = [...traits.notes.value];
    if (traits.status.value === "closed") {
      all.unshift("The model was closed. What was written so far can still be looked at.");
    } else if (connection.value === "silent") {
      const what = story.entries.value.size > 0 ? "this is what was saved" : "nothing was saved";
      all.unshift(`No kernel answers: ${what}. Run the cell to go on.`);
    }
    const { message, action } = traits.error.value;
    if (traits.status.value !== "error" && message) all.push([message, action].filter(Boolean).join(" "));
    if (said.value) all.push(said.value);
    return all;
  };
  return noteLines(lines);
}
