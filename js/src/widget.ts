// A widget's front end, as anywidget wants it. A factory: what several views of one model share lives in its
// closure, and nothing at the module's level, since hosts differ in how often they import a module.
import type { AnyModel } from "./bind";
import { build } from "./dom";
import { markDark } from "./theme";

interface Props {
  model: AnyModel;
  /** Newer hosts end things by this, older ones by calling what is returned. */
  signal?: AbortSignal;
}

/**
 * What a widget's module exports.
 *
 * @param name of the root element's class.
 * @param share makes what all views of a model share; its `ends` ends it.
 * @param show fills the root element of a view, until the signal aborts.
 */
export const widget =
  <Shared extends { readonly ends: AbortController }>(
    name: string,
    share: (model: AnyModel, outer?: AbortSignal) => Shared,
    show: (shared: Shared, root: HTMLElement, ends: AbortSignal) => void,
  ) =>
  () => {
    let shared: Shared | undefined;
    const begin = ({ model, signal }: Props): Shared => {
      const made = share(model, signal);
      shared = made;
      return made;
    };
    return {
      initialize(props: Props) {
        const { ends } = begin(props);
        return () => ends.abort();
      },
      render({ model, el, signal }: Props & { el: HTMLElement }) {
        const parts = shared ?? begin({ model });
        const ends = new AbortController();
        const root = document.createElement("div");
        root.className = name;
        root.setAttribute("role", "group");
        // Letters typed here are the widget's, and not JupyterLab's commands on cells.
        root.dataset["lmSuppressShortcuts"] = "true";
        el.append(root);
        markDark(root, ends.signal);
        const [, end] = build(() => show(parts, root, ends.signal));
        const leave = (): void => {
          if (ends.signal.aborted) return;
          ends.abort();
          end();
          root.remove();
        };
        signal?.addEventListener("abort", leave, { once: true });
        return leave;
      },
    };
  };
