// What stands where the pictures will be, and the notes beside them: no text yet, work under way, an error, a
// closed model, no kernel.
import { computed } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { jobCard } from "../job";
import { button, noteLines } from "../ui";
import { textEdit } from "./edit";
import type { Panels } from "./panels";

export type Front = "empty" | "error" | "closed" | "busy" | "";

/** What stands before the pictures, if anything. */
export function frontOf(status: string, there: boolean): Front {
  if (status === "loading" || status === "recording") return "busy";
  if (status === "empty" || status === "error") return status;
  return status === "closed" && !there ? "closed" : "";
}

export function front(panels: Panels): Child {
  const { traits, ask } = panels;
  const unnamed = (): string => (traits.status.value === "loading" ? "loading the model" : "recording");
  const kind = computed(() => frontOf(traits.status.value, traits.length.value > 0));
  return () => {
    if (kind.value === "busy") return jobCard(traits.progress, unnamed, () => ask("stop"));
    if (kind.value === "empty") return invitation(panels);
    return kind.value !== "" && failure(panels);
  };
}

/** The first step, where nothing was given yet. */
function invitation(panels: Panels): Child {
  const { editable } = panels.traits;
  return h("div.gw-card", {}, () =>
    editable.value
      ? [
          h("h3", {}, "Which text shall it read?"),
          h("p.gw-quiet", {}, "Write a sentence and see where each token looks, in every head."),
          textEdit(panels),
        ]
      : [
          h("h3", {}, "Nothing to see yet"),
          h("p.gw-quiet", {}, 'Give it something to show: AttentionHeatmap(gpt, "your text")'),
        ],
  );
}

/** What went wrong; the picture of the text before is still there, and one press away. */
function failure({ traits, editing, ask }: Panels): Child {
  const { error, editable, status, length } = traits;
  const change = (): void => {
    editing.value = true;
  };
  const inText = (): boolean => error.value.type === "TextError" && editable.value; // only another text helps
  const stopped = (): boolean => error.value.type === "Cancelled";
  const calm = (): boolean => status.value === "closed" || stopped(); // as somebody wished
  return h(
    "div.gw-card",
    { role: () => (calm() ? "status" : "alert") },
    h("h3", {}, () => (status.value === "closed" ? "Closed" : stopped() ? "Stopped" : "This did not work")),
    h("p", {}, () => error.value.message || "The model was closed before anything was recorded."),
    h("p", {}, () => (inText() ? "" : error.value.action)),
    () =>
      editable.value &&
      status.value === "error" &&
      !editing.value &&
      h(
        "div.gw-group",
        {},
        !inText() && button("Record again", () => ask("again")),
        button("Change the text", change),
        () => length.value > 0 && button("Back to the text before", () => ask("back")),
      ),
  );
}

/** Quiet lines above the pictures, where there is something to know. */
export function notes({ traits, connection, said }: Panels): Child {
  const lines = (): string[] => {
    const { status } = traits;
    const all = [...traits.notes.value];
    if (status.value === "closed" && traits.length.value > 0)
      all.unshift("The model was closed. What was drawn so far can still be looked at.");
    else if (status.value !== "closed" && connection.value === "silent") {
      all.unshift("No kernel answers: these are the pictures that were saved. Run the cell to explore.");
    }
    if (status.value === "ready" && traits.error.value.message) all.push(traits.error.value.message);
    if (said.value) all.push(said.value);
    return all;
  };
  return noteLines(lines);
}
