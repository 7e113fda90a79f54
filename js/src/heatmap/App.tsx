// The layout: one row of controls; the overview left and the chosen head large beside it; the text under both.
// Under 900 pixels of the widget's own width they stack (heatmap.css). Room is kept before anything is there.

import { effect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Caption } from "./Caption";
import { Controls } from "./Controls";
import { keepPicture } from "./export";
import { Legend } from "./Legend";
import { mountMatrix } from "./matrix";
import { Overview } from "./Overview";
import type { Panels } from "./panels";
import { Failure, Invitation, Job, Notes } from "./States";
import { Text } from "./Text";
import { Button } from "./ui";

export function App({ panels }: { panels: Panels }) {
  const { traits } = panels;
  const status = traits.status.value;
  const there = (traits.info.value.length ?? 0) > 0;
  const busy = status === "loading" || status === "recording";
  useRootAttributes(panels);
  usePicture(panels);
  const front = frontOf(status, there, panels.editing.value);
  return (
    <>
      {traits.title.value && <h2 class="gw-title">{traits.title.value}</h2>}
      <Controls panels={panels} />
      <Notes panels={panels} />
      <div class={`gw-pictures${busy || front ? " gw-waiting" : ""}`}>
        <Overview panels={panels} />
        <section class="gw-head" aria-label="Chosen head">
          <header class="gw-bar gw-top">
            <Caption panels={panels} />
            <Zoom panels={panels} />
          </header>
          <Matrix panels={panels} />
          <Legend panels={panels} />
        </section>
        {busy && <Job panels={panels} />}
        {front === "invitation" && <Invitation panels={panels} />}
        {front === "failure" && <Failure panels={panels} />}
      </div>
      {front !== "invitation" && <Text panels={panels} />}
      <TipBox panels={panels} />
      <p class="gw-hidden" aria-live="polite">
        {panels.say.value || traits.sentence.value}
      </p>
    </>
  );
}

/** What stands before the pictures, if anything does. */
function frontOf(status: string, there: boolean, editing: boolean): "invitation" | "failure" | undefined {
  if (status === "empty") return "invitation";
  if (status === "error" && !editing) return "failure";
  if (status === "closed" && !there) return "failure";
  return undefined;
}

function Zoom({ panels: { matrix } }: { panels: Panels }) {
  return (
    <div class="gw-group">
      <Button label="Closer" icon="plus" onClick={() => matrix.value?.zoomBy(2)} />
      <Button label="Further away" icon="minus" onClick={() => matrix.value?.zoomBy(0.5)} />
      <Button label="The whole head" icon="whole" onClick={() => matrix.value?.reset()} />
    </div>
  );
}

function Matrix({ panels }: { panels: Panels }) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const ends = new AbortController();
    const signal = AbortSignal.any([panels.signal, ends.signal]);
    if (host.current) panels.matrix.value = mountMatrix(host.current, { ...panels, signal });
    return () => {
      ends.abort();
      panels.matrix.value = null;
    };
  }, [panels]);
  return <div class="gw-matrix" ref={host} />;
}

/** Beside the pointer, never out of the widget. */
function TipBox({ panels }: { panels: Panels }) {
  const tip = panels.tip.value;
  if (!tip) return null;
  const wide = panels.root.clientWidth;
  const left = tip.x > wide / 2;
  const style = left
    ? { right: `${wide - tip.x + 12}px`, top: `${tip.y + 12}px` }
    : { left: `${tip.x + 12}px`, top: `${tip.y + 12}px` };
  return (
    <div class="gw-tip" style={style} aria-hidden="true">
      <b>
        <bdi>{tip.strong}</bdi>
      </b>
      {tip.quiet.map((line) => (
        <span key={line}>{line}</span>
      ))}
    </div>
  );
}

/** What a script outside, or a style, can ask of the widget. */
function useRootAttributes({ root, traits }: Panels): void {
  useEffect(
    () =>
      effect(() => {
        root.dataset["status"] = traits.status.value;
        root.dataset["layer"] = String(traits.layer.value);
        root.dataset["head"] = String(traits.head.value);
        root.classList.toggle("gw-presentation", traits.presentation.value);
        root.style.setProperty("--gw-height", `${traits.height.value}px`);
        root.setAttribute("aria-label", traits.title.value || "Attention heatmap");
        root.setAttribute("aria-busy", String(["loading", "recording"].includes(traits.status.value)));
      }),
    [root, traits],
  );
}

function usePicture(panels: Panels): void {
  useEffect(() => {
    const ends = new AbortController();
    const settle = keepPicture(panels, ends.signal);
    const { traits, palette, theme, connection } = panels;
    const stop = effect(() => {
      void [
        palette.value,
        theme.value,
        connection.value,
        traits.status.value,
        traits.info.value,
        traits.view.value,
      ];
      void [traits.layer.value, traits.head.value, traits.hideSink.value, traits.title.value];
      settle();
    });
    return () => {
      stop();
      ends.abort();
    };
  }, [panels]);
}
