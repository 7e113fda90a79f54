// The few controls that all panels are made of. Everything a person's text reaches is a text node.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** Line drawings on a 16-pixel square. */
const PATHS = {
  back: "M10 3.5 5.5 8l4.5 4.5",
  next: "M6 3.5 10.5 8 6 12.5",
  down: "M8 3v9.5M4.5 9 8 12.5 11.5 9",
  up: "M8 13V3.5M4.5 7 8 3.5 11.5 7",
  save: "M8 2.5v7.5M5 7.5 8 10.5l3-3M3 13.5h10",
  plus: "M8 3.5v9M3.5 8h9",
  minus: "M3.5 8h9",
  whole: "M6 2.5H2.5V6M10 2.5h3.5V6M6 13.5H2.5V10M10 13.5h3.5V10",
  edit: "M3 13l.7-3L10.5 3.2l2.3 2.3L6 12.3z",
  close: "M4 4l8 8M12 4l-8 8",
  more: "M2 4.5h12M4.5 8h7M7 11.5h2",
  size: "M1.5 13 5 4l3.5 9M2.7 10h4.6M10 13l2.2-5.5L14.5 13M10.8 11h2.9",
};

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg class="gw-icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

interface ButtonProps {
  label: string;
  icon?: keyof typeof PATHS;
  /** Shown beside the icon; otherwise the label is only heard and shown on hover. */
  text?: string;
  pressed?: boolean;
  expanded?: boolean;
  disabled?: boolean;
  accent?: boolean;
  onClick: () => void;
}

export function Button(props: ButtonProps) {
  const { label, icon, text, pressed, expanded, disabled, accent, onClick } = props;
  return (
    <button
      type="button"
      class={`gw-button${accent ? " gw-accent" : ""}${text ? "" : " gw-only-icon"}`}
      title={label === text ? undefined : label}
      aria-label={label}
      aria-pressed={pressed}
      aria-expanded={expanded}
      disabled={disabled}
      onClick={onClick}
    >
      {icon && <Icon name={icon} />}
      {text}
    </button>
  );
}

interface ChoiceProps<Value extends string> {
  label: string;
  name: string;
  value: Value;
  /** Value, what is shown, and what it means. */
  options: readonly (readonly [Value, string, string?])[];
  onChange: (value: Value) => void;
}

/** A few alternatives side by side: radio buttons, so that the arrow keys work as everywhere. */
export function Choice<Value extends string>({ label, name, value, options, onChange }: ChoiceProps<Value>) {
  return (
    <fieldset class="gw-choice" aria-label={label}>
      {options.map(([one, shown, meaning]) => (
        <label key={one} title={meaning}>
          <input
            type="radio"
            class="gw-hidden"
            name={name}
            checked={one === value}
            onChange={() => onChange(one)}
            aria-label={meaning}
          />
          <span>{shown}</span>
        </label>
      ))}
    </fieldset>
  );
}

interface PickProps {
  label: string;
  value: string;
  options: readonly (readonly [string, string])[];
  disabled?: boolean;
  onChange: (value: string) => void;
}

/** One of many: the browser's own list. */
export function Pick({ label, value, options, disabled, onChange }: PickProps) {
  return (
    <select
      class="gw-pick"
      aria-label={label}
      title={label}
      value={value}
      disabled={disabled}
      onChange={(event) => onChange(event.currentTarget.value)}
    >
      {options.map(([one, shown]) => (
        <option key={one} value={one} selected={one === value}>
          {shown}
        </option>
      ))}
    </select>
  );
}

interface SwitchProps {
  label: string;
  meaning: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

export function Switch({ label, meaning, checked, onChange }: SwitchProps) {
  return (
    <label class="gw-switch" title={meaning}>
      <input
        type="checkbox"
        role="switch"
        class="gw-hidden"
        checked={checked}
        aria-checked={checked}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <i aria-hidden="true" />
      <span>{label}</span>
    </label>
  );
}

interface PopoverProps {
  label: string;
  icon?: keyof typeof PATHS;
  text?: string;
  children: (close: () => void) => ComponentChildren;
}

/** A button that opens a small panel below itself; Escape, a click elsewhere or leaving with Tab closes it. */
export function Popover({ label, icon, text, children }: PopoverProps) {
  const open = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  const close = (): void => {
    open.value = false;
  };
  useEffect(() => {
    if (!open.value) return;
    const ends = new AbortController();
    const outside = (event: Event): void => {
      if (!event.composedPath().includes(box.current as EventTarget)) close();
    };
    document.addEventListener("pointerdown", outside, { signal: ends.signal, capture: true });
    document.addEventListener("focusin", outside, { signal: ends.signal });
    return () => ends.abort();
  }, [open.value]);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || !open.value) return;
    event.stopPropagation();
    close();
    box.current?.querySelector("button")?.focus();
  };
  return (
    <div class="gw-popover" ref={box} onKeyDown={onKeyDown}>
      <Button
        label={label}
        {...(icon && { icon })}
        {...(text && { text })}
        expanded={open.value}
        onClick={() => {
          open.value = !open.value;
        }}
      />
      {open.value && <div class="gw-sheet">{children(close)}</div>}
    </div>
  );
}
