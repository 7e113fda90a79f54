// The one row of controls: which head, how it is coloured, what is left out, and what can be done with it.

import type { Colormap, Scale, Which } from "../model";
import { exportAs, FORMATS } from "./export";
import { placeOf } from "./layout";
import type { Panels } from "./panels";
import { Button, Choice, Pick, Popover, Switch } from "./ui";

const SCALES: readonly (readonly [Scale, string, string])[] = [
  ["linear", "linear", "Linear scale"],
  ["sqrt", "√", "Square-root scale: small weights become visible"],
  ["log", "log", "Logarithmic scale: four decades"],
];

const COLORMAPS: readonly (readonly [Colormap, string])[] = [
  ["auto", "Colours: auto"],
  ["viridis", "Viridis"],
  ["cividis", "Cividis"],
  ["magma", "Magma"],
  ["grey", "Grey"],
];

const SINK =
  "Most heads rest on the first token when they have nothing to say. " +
  "This leaves it out and renormalises each row over the other tokens.";

/** What the keys do, by the part that has the focus. */
export const KEYS: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  [
    "Overview",
    [
      ["← → ↑ ↓", "choose a head"],
      ["Home End", "first, last head of a layer; with Ctrl of all"],
      ["Page ↑ ↓", "a page of layers"],
    ],
  ],
  [
    "Head",
    [
      ["+ − wheel", "zoom; drag to move"],
      ["← → ↑ ↓", "move"],
      ["0", "the whole head"],
    ],
  ],
  [
    "Text",
    [
      ["← → ↑ ↓", "go to a token"],
      ["Enter", "keep it, or let it go"],
      ["Esc", "let go"],
    ],
  ],
];

const parse = (text: string): Which => (text === "mean" || text === "max" ? text : Number(text));

export function Controls({ panels }: { panels: Panels }) {
  const { traits } = panels;
  return (
    <div class="gw-controls" role="toolbar" aria-label="Controls">
      <HeadStepper panels={panels} />
      <Choice
        label="Scale"
        name={`${panels.id}-scale`}
        value={traits.scale.value}
        options={SCALES}
        onChange={(scale) => {
          traits.scale.value = scale;
        }}
      />
      {!traits.info.value.signed && (
        <Pick
          label="Colours"
          value={traits.colormap.value}
          options={COLORMAPS}
          onChange={(colormap) => {
            traits.colormap.value = colormap as Colormap;
          }}
        />
      )}
      {!traits.info.value.signed && (
        <Switch
          label="Hide first token"
          meaning={SINK}
          checked={traits.hideSink.value}
          onChange={(hide) => {
            traits.hideSink.value = hide;
          }}
        />
      )}
      <span class="gw-push" />
      <div class="gw-group">
        <Popover label="Export" icon="save">
          {(close) => <ExportMenu panels={panels} close={close} />}
        </Popover>
        <Button
          label="Presentation size"
          icon="size"
          pressed={traits.presentation.value}
          onClick={() => {
            traits.presentation.value = !traits.presentation.value;
          }}
        />
        <Popover label="Keys" text="?">
          {() => <Keys />}
        </Popover>
      </div>
    </div>
  );
}

function HeadStepper({ panels }: { panels: Panels }) {
  const { traits } = panels;
  const { layers = [], n_heads: heads = 0 } = traits.info.value;
  const arrangement = panels.arrangement.value;
  const [layer, head] = [traits.layer.value, traits.head.value];
  const step = (by: number): void => {
    const { cells } = arrangement;
    const at = placeOf(arrangement, layer, head);
    const cell = cells[(at + by + cells.length) % cells.length];
    if (!cell) return;
    traits.layer.value = cell.layer;
    traits.head.value = cell.head;
  };
  const options = (word: string, numbers: readonly number[]): [string, string][] => [
    ...numbers.map((one): [string, string] => [`${one}`, `${word} ${one}`]),
    ["mean", `Mean of ${word.toLowerCase()}s`],
    ["max", `Maximum of ${word.toLowerCase()}s`],
  ];
  const none = layers.length === 0;
  return (
    <fieldset class="gw-stepper" aria-label="Chosen head">
      <Button label="Previous head" icon="back" disabled={none} onClick={() => step(-1)} />
      <Pick
        label="Layer"
        value={`${layer}`}
        disabled={none}
        options={options("Layer", layers)}
        onChange={(text) => {
          traits.layer.value = parse(text);
        }}
      />
      <Pick
        label="Head"
        value={`${head}`}
        disabled={none}
        options={options("Head", [...new Array(heads).keys()])}
        onChange={(text) => {
          traits.head.value = parse(text);
        }}
      />
      <Button label="Next head" icon="next" disabled={none} onClick={() => step(1)} />
    </fieldset>
  );
}

function ExportMenu({ panels, close }: { panels: Panels; close: () => void }) {
  return (
    <ul class="gw-menu">
      {FORMATS.map(([format, name, about]) => (
        <li key={format}>
          <button
            type="button"
            onClick={() => {
              close();
              exportAs(format, panels).catch((error: unknown) => {
                panels.say.value = error instanceof Error ? error.message : "The export failed.";
              });
            }}
          >
            <b>{name}</b> <span class="gw-quiet">{about}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function Keys() {
  return (
    <dl class="gw-keys">
      {KEYS.map(([part, keys]) => (
        <div key={part}>
          <h4>{part}</h4>
          {keys.map(([key, does]) => (
            <p key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{does}</dd>
            </p>
          ))}
        </div>
      ))}
    </dl>
  );
}
