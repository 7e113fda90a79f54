// The attention heatmap's front end. A factory: what several views of one model share lives in its closure, and
// nothing at the module's level, since hosts differ in how often they import a module.

import { render } from "preact";
import type { AnyModel } from "../model";
import { App } from "./App";
import { panelsOf, type Shared, share } from "./panels";

interface Props {
  model: AnyModel;
  /** Since anywidget 0.10; older hosts call what is returned. */
  signal?: AbortSignal;
}

export default () => {
  let shared: Shared | undefined;
  return {
    initialize({ model, signal }: Props) {
      shared = share(model, signal);
      const made = shared;
      return () => made.ends.abort();
    },
    render({ model, el, signal }: Props & { el: HTMLElement }) {
      shared ??= share(model, signal);
      const ends = new AbortController();
      signal?.addEventListener("abort", () => ends.abort(), { once: true });
      const root = document.createElement("div");
      root.className = "gw-heatmap";
      root.setAttribute("role", "group");
      // Letters typed here are the widget's, and not JupyterLab's commands on cells.
      root.dataset["lmSuppressShortcuts"] = "true";
      el.append(root);
      const panels = panelsOf(shared, root, ends.signal);
      render(<App panels={panels} />, root);
      const leave = (): void => {
        ends.abort();
        render(null, root);
        root.remove();
      };
      return leave;
    },
  };
};
