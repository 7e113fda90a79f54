// What stands where the pictures will be, and the notes beside them: no text yet, work under way, an error, a
// closed model, no kernel.

import { timeLeft, whole } from "./format";
import type { Panels } from "./panels";
import { TextEdit } from "./Text";
import { Button } from "./ui";

/** How far a job is, as a share; undefined where its end is unknown. */
export function share(done: number | undefined, total: number | null | undefined): number | undefined {
  if (done === undefined || !total || total <= 0) return;
  return Math.max(0, Math.min(1, done / total));
}

const NAMES = { loading: "Loading the model", recording: "Recording" };

/** What a job says of itself: "recording · 12 of 30 layers · 40 % · about 8 s left". */
export function jobLine(progress: Panels["traits"]["progress"]["value"]): string {
  const { done, total, unit = "", seconds_left: left } = progress;
  const part = share(done, total);
  const bytes = unit === "B" || unit === "bytes";
  const count = (value: number): string =>
    bytes ? `${(value / 1e6).toFixed(0)} MB` : whole(Math.round(value));
  const amount =
    done === undefined || part === undefined
      ? ""
      : `${bytes ? count(done) : count(done)} of ${count(total ?? 0)}${bytes || !unit ? "" : ` ${unit}`}`;
  return [amount, part === undefined ? "" : `${Math.floor(part * 100)} %`, timeLeft(left)]
    .filter(Boolean)
    .join(" · ");
}

/** The job under way: its stage, a bar, how long it still takes, and Stop. */
export function Job({ panels }: { panels: Panels }) {
  const { traits, wire } = panels;
  const status = traits.status.value;
  const progress = traits.progress.value;
  const part = share(progress.done, progress.total);
  const stage = progress.stage || (status === "loading" ? NAMES.loading : NAMES.recording);
  return (
    <div class="gw-job" role="status">
      <b>{stage.charAt(0).toUpperCase() + stage.slice(1)}</b>
      <progress aria-label={stage} max={1} value={part} />
      <span class="gw-quiet gw-figures">{jobLine(progress) || "one moment"}</span>
      <Button label="Stop" text="Stop" onClick={() => wire.request("stop").catch(() => undefined)} />
    </div>
  );
}

/** The first step, where nothing was given yet. */
export function Invitation({ panels }: { panels: Panels }) {
  const { editable, info } = panels.traits;
  return (
    <div class="gw-card">
      <h3>{editable.value ? "Which text shall it read?" : "Nothing to see yet"}</h3>
      {editable.value ? (
        <>
          <p class="gw-quiet">
            Write a sentence and see where each token looks, in every head of {info.value.name || "the model"}
            .
          </p>
          <TextEdit panels={panels} first={true} />
        </>
      ) : (
        <p class="gw-quiet">
          Give it a record: <code>AttentionHeatmap(gpt, "your text")</code>
        </p>
      )}
    </div>
  );
}

export function Failure({ panels }: { panels: Panels }) {
  const { error, editable } = panels.traits;
  const { type = "", message = "", action = "" } = error.value;
  return (
    <div class="gw-card" role="alert">
      <h3>This did not work</h3>
      <p>{message || "No reason was given."}</p>
      {action && <p>{action}</p>}
      {type && <p class="gw-quiet">{type}</p>}
      {editable.value && (
        <Button
          label="Change the text"
          icon="edit"
          text="Change the text"
          onClick={() => {
            panels.editing.value = true;
          }}
        />
      )}
    </div>
  );
}

/** One quiet line above the pictures, where there is something to know. */
export function Notes({ panels }: { panels: Panels }) {
  const { status, notes, error } = panels.traits;
  const lines = [...notes.value];
  if (status.value === "closed")
    lines.unshift("The model was closed. What was seen so far can still be looked at.");
  else if (panels.connection.value === "silent")
    lines.unshift("No kernel answers. These are the pictures that were saved; run the cell to explore.");
  if (status.value === "ready" && error.value.message) lines.push(error.value.message);
  if (lines.length === 0) return null;
  return (
    <div class="gw-notes" role="note">
      {lines.map((line) => (
        <p key={line}>{line}</p>
      ))}
    </div>
  );
}
