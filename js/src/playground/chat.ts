// A talk: the messages so far, each to be changed in place, and the next one. What the model answers stands below,
// token by token.
import { batch, computed } from "@preact/signals-core";
import { type Child, follow, h } from "../dom";
import { button, iconButton } from "../ui";
import type { Play } from "./play";
import { heighten, run } from "./prompt";
import { sequences } from "./sequences";
import type { Message } from "./traits";

const ROLES: Readonly<Record<string, string>> = { system: "System", user: "You", assistant: "Model" };

export function chat(play: Play): Child {
  const { traits } = play;
  const { messages } = traits;
  const count = computed(() => messages.value.length);
  const roles = computed(() => messages.value.map(({ role }) => role).join());
  const talk = h("div.gw-talk", {}, () => {
    void roles.value; // rows are made again only where there are others
    return Array.from({ length: count.value }, (_, i) => row(play, i));
  });
  return [
    talk,
    h("div.gw-message.gw-answer", {}, h("span.gw-role", {}, "Model"), sequences(play)),
    reply(play),
  ];
}

/** Whether the shown text answers the messages as they stand. */
function answered({ story, traits }: Play): boolean {
  const entry = story.entries.value.get(traits.leaf.value);
  return traits.messages.value.length > 0 && entry?.kind === "written" && !entry.running;
}

function row({ traits }: Play, i: number): Child {
  const message = (): Message => traits.messages.value[i] ?? { role: "", content: "" };
  const put = (fresh: readonly Message[]): void => {
    traits.messages.value = fresh;
  };
  const name = (): string => ROLES[message().role] ?? message().role;
  const field = h("textarea", {
    rows: 1,
    dir: "auto",
    spellcheck: "false",
    "aria-label": name,
    oninput: () => {
      put(traits.messages.peek().map((one, k) => (k === i ? { ...one, content: field.value } : one)));
      heighten(field);
    },
  }) as HTMLTextAreaElement;
  follow(() => {
    const { content } = message();
    if (field.value !== content) field.value = content;
    queueMicrotask(() => heighten(field));
  });
  return h(
    "div.gw-message",
    { "data-role": () => message().role },
    h("span.gw-role", {}, name),
    field,
    iconButton("close", "Take this message out", () => put(traits.messages.peek().filter((_, k) => k !== i))),
  );
}

/** Lets the model answer: what was typed goes to it, with its own last answer before; else the talk as it stands. */
export function send(play: Play): void {
  const { traits, story, reply: draft } = play;
  const content = draft.peek().trim();
  if (play.running.peek()) return;
  if (content !== "") {
    const said: Message[] = [...traits.messages.peek()];
    if (answered(play)) {
      const text = story
        .path(traits.leaf.peek())
        .filter(([node]) => story.entries.peek().get(node)?.kind !== "prompt")
        .map(([node, from, to]) =>
          story
            .tokens(node)
            .texts.slice(0, to - from)
            .join(""),
        )
        .join("");
      said.push({ role: "assistant", content: text.trim() });
    }
    batch(() => {
      traits.messages.value = [...said, { role: "user", content }];
      traits.token.value = null;
      draft.value = "";
    });
  }
  run(play);
}

/** The next message. */
function reply(play: Play): Child {
  const go = (): void => {
    play.reply.value = field.value;
    if (field.value.trim() !== "") send(play);
  };
  const field = h("textarea", {
    rows: 1,
    dir: "auto",
    "aria-label": "Your message",
    placeholder: "Your message; Enter sends it",
    oninput: () => {
      play.reply.value = field.value;
      heighten(field);
    },
    onkeydown: (event: KeyboardEvent) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      event.stopPropagation();
      go();
    },
  }) as HTMLTextAreaElement;
  follow(() => {
    if (field.value !== play.reply.value) field.value = play.reply.value;
    queueMicrotask(() => heighten(field));
  });
  return h(
    "div.gw-message.gw-reply",
    {},
    h("span.gw-role", {}, "You"),
    field,
    button("Send", go, { disabled: () => play.running.value }),
  );
}
