// The text's pane: what a chosen token looks at or is looked at by, and the text itself, to be changed in place.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Direction } from "../model";
import { mountFlow } from "./flow";
import { tokenCount } from "./format";
import { type Panels, quote } from "./panels";
import { Button, Choice } from "./ui";

const DIRECTIONS: readonly (readonly [Direction, string, string])[] = [
  ["from", "looks at", "Colour the tokens that the chosen token looks at"],
  ["to", "is looked at by", "Colour the tokens that look at the chosen token"],
];

export function Text({ panels }: { panels: Panels }) {
  const { traits, editing } = panels;
  const { length = 0 } = traits.info.value;
  const direction = traits.direction.value;
  const locked = direction === "from" ? traits.query.value : traits.key.value;
  const turn = (to: Direction): void => {
    traits.direction.value = to;
    traits.query.value = to === "from" ? locked : null;
    traits.key.value = to === "to" ? locked : null;
  };
  const free = (): void => {
    traits.query.value = null;
    traits.key.value = null;
  };
  return (
    <section class="gw-text" aria-label="Text">
      <header class="gw-bar">
        <h3>{length > 0 ? tokenCount(length) : "Text"}</h3>
        {!editing.value && (
          <>
            <span class="gw-phrase">
              {locked === null ? (
                <span class="gw-quiet">a token</span>
              ) : (
                <button type="button" class="gw-chip" title="Let go of this token (Escape)" onClick={free}>
                  {quote(traits, locked)} <span aria-hidden="true">×</span>
                </button>
              )}
              <Choice
                label="Direction"
                name={`${panels.id}-direction`}
                value={direction}
                options={DIRECTIONS}
                onChange={turn}
              />
            </span>
            <span class="gw-quiet gw-sentence">
              {locked === null ? "Point at a token; click to keep it." : traits.sentence.value}
            </span>
          </>
        )}
        <span class="gw-push" />
        {traits.editable.value && !editing.value && (
          <Button
            label="Change the text"
            icon="edit"
            text="Edit"
            onClick={() => {
              editing.value = true;
            }}
          />
        )}
      </header>
      {editing.value ? <TextEdit panels={panels} /> : <Flow panels={panels} />}
    </section>
  );
}

function Flow({ panels }: { panels: Panels }) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const ends = new AbortController();
    if (host.current) mountFlow(host.current, panels, ends.signal);
    return () => ends.abort();
  }, [panels]);
  return (
    <div
      ref={host}
      class="gw-flow"
      role="listbox"
      aria-label="Tokens; Enter keeps one"
      aria-multiselectable="false"
      tabIndex={0}
    />
  );
}

/** A field for the text. Ctrl+Enter or the button records it; Escape leaves it as it was. */
export function TextEdit({ panels, first = false }: { panels: Panels; first?: boolean }) {
  const { traits, editing } = panels;
  const draft = useSignal(traits.text.peek());
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (!first) field.current?.focus();
  }, [first]);
  const leave = (): void => {
    editing.value = false;
  };
  const apply = (): void => {
    if (draft.value === "") return;
    traits.query.value = null;
    traits.key.value = null;
    traits.text.value = draft.value;
    leave();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) apply();
    else if (event.key === "Escape" && !first) leave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="gw-edit">
      <textarea
        ref={field}
        rows={first ? 2 : 3}
        dir="auto"
        spellcheck={false}
        aria-label="Text"
        placeholder={first ? "The animal didn't cross the street because it was too tired" : ""}
        value={draft.value}
        onInput={(event) => {
          draft.value = event.currentTarget.value;
        }}
        onKeyDown={onKeyDown}
      />
      <div class="gw-bar">
        <span class="gw-quiet">Ctrl+Enter</span>
        {!first && <Button label="Cancel" text="Cancel" onClick={leave} />}
        <Button label="Record" text="Record" accent={true} disabled={draft.value === ""} onClick={apply} />
      </div>
    </div>
  );
}
