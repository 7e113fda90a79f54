// A model of one's own, on its way into the store: what it is, its card, then a draft that can be submitted.
import { type Signal, signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { blocks } from "../markdown";
import { button, choice } from "../ui";
import { slug } from "./format";
import { back } from "./panel";
import { action, loaded, type Shop } from "./shop";

const LICENCES = [
  "Apache-2.0",
  "MIT",
  "BSD-3-Clause",
  "CC-BY-4.0",
  "CC-BY-SA-4.0",
  "GPL-3.0-only",
  "CC0-1.0",
];
const BETWEEN = /[\s,]+/u;
const CARD = `## Use

What it is for, and for whom.

## Data

What it was trained on.

## Limits

What it cannot do, and should not be used for.
`;

/** A row of the form: a name, a field, and a word of help. */
const field = (label: string, control: Child, help = ""): Child =>
  h("label.gw-field", {}, h("span", {}, label), control, help && h("small.gw-quiet", {}, help));

const line = (text: Signal<string>, props: Record<string, unknown> = {}): HTMLElement => {
  const input = h("input.gw-replace", {
    type: "text",
    spellcheck: "false",
    value: () => text.value,
    oninput: () => {
      text.value = input.value;
    },
    ...props,
  }) as HTMLInputElement;
  return input;
};

export function publish(shop: Shop): Child {
  const { traits, live, id } = shop;
  const models = loaded(
    shop,
    "models",
    () => ({}),
    ({ names }) => names as readonly string[],
  );
  const act = action(shop);
  const from = signal<"folder" | "model">("folder");
  const folder = signal("");
  const model = signal("");
  const title = signal("");
  const ownName = signal("");
  const named = signal(false); // a name that was written by hand stays
  const summary = signal("");
  const licence = signal("Apache-2.0");
  const languages = signal("en");
  const revision = signal("");
  const uses = signal<readonly string[]>([]);
  const card = signal(CARD);
  const looks = signal<"write" | "read">("write");
  const name = (): string => (named.value ? ownName.value : slug(title.value));
  const missing = (): string => {
    const what = from.value === "folder" ? folder.value : model.value;
    if (!what.trim()) return from.value === "folder" ? "the path of its folder" : "which model it is";
    if (!title.value.trim()) return "a title";
    if (!name()) return "a name";
    if (!summary.value.trim()) return "a summary";
    return licence.value.trim() ? "" : "a licence";
  };
  const send = async (): Promise<void> => {
    const what = from.peek() === "folder" ? { folder: folder.peek() } : { model: model.peek() };
    const answer = await act.run("publish", {
      ...what,
      name: name(),
      title: title.peek().trim(),
      summary: summary.peek().trim(),
      card: card.peek(),
      licence: licence.peek().trim(),
      revision: revision.peek().trim(),
      use_cases: uses.peek(),
      languages: languages.peek().split(BETWEEN).filter(Boolean),
    });
    if (answer) shop.open(String(answer.content["name"]), true);
  };
  return h(
    "div.gw-panel",
    {},
    back(shop, "Publish a model"),
    h(
      "p.gw-quiet",
      {},
      "This makes a draft that only you see. Submitting it runs the checks; a reviewer then lets it in.",
    ),
    h(
      "form.gw-publish.gw-scroll",
      {
        onsubmit: (event: Event) => {
          event.preventDefault();
          if (missing() === "") void send();
        },
      },
      h(
        "div.gw-half",
        {},
        h(
          "div.gw-field",
          {},
          h("span", {}, "From"),
          choice("From", from, [
            ["folder", "A folder"],
            ["model", "A model of this notebook"],
          ]),
        ),
        () =>
          from.value === "folder"
            ? field(
                "Folder",
                line(folder, { placeholder: "models/mine" }),
                "With its weights as safetensors, its config and its tokenizer.",
              )
            : field(
                "Model",
                modelPick(model, () => models.there.value?.result ?? []),
                "An open GPT that a variable names.",
              ),
        field("Title", line(title, { spellcheck: "true" })),
        field(
          "Name",
          line(ownName, {
            value: name,
            oninput: (event: Event) => {
              ownName.value = (event.target as HTMLInputElement).value;
              named.value = ownName.value !== "";
            },
          }),
          "By which it is loaded. The name of one of yours makes a new version of it.",
        ),
        field(
          "Summary",
          line(summary, { spellcheck: "true", maxlength: 200 }),
          "One sentence: what it is good for.",
        ),
        field(
          "Licence",
          [
            line(licence, { list: `${id}-licences` }),
            h(
              "datalist",
              { id: `${id}-licences` },
              LICENCES.map((value) => h("option", { value })),
            ),
          ],
          "Its SPDX name.",
        ),
        field("Languages", line(languages), "Codes such as en, de, fr."),
        field(
          "Revision",
          line(revision, { placeholder: "chosen for you" }),
          "Leave it empty but for a version of your own naming.",
        ),
        h(
          "div.gw-field",
          { role: "group", "aria-label": "What it is for" },
          h("span", {}, "For"),
          h("div.gw-uses", {}, () =>
            (traits.info.value.use_cases ?? []).map((use) =>
              button(
                use,
                () => {
                  const now = uses.peek();
                  uses.value = now.includes(use) ? now.filter((one) => one !== use) : [...now, use];
                },
                { "aria-pressed": () => uses.value.includes(use) },
              ),
            ),
          ),
        ),
      ),
      h("div.gw-half", {}, cardEditor(card, looks)),
    ),
    h(
      "footer.gw-bar",
      {},
      button("Make the draft", () => void send(), {
        class: "gw-button gw-accent",
        disabled: () => missing() !== "" || act.busy.value || !live.value,
      }),
      h("span.gw-quiet", { role: "status" }, () =>
        act.busy.value ? "Reading its files…" : missing() && `Still missing: ${missing()}.`,
      ),
    ),
    () => act.error.value && h("p.gw-error", { role: "alert" }, act.error.value),
  );
}

function modelPick(chosen: Signal<string>, names: () => readonly string[]): Child {
  const select = h(
    "select.gw-pick",
    {
      "aria-label": "Model",
      onchange: () => {
        chosen.value = select.value;
      },
    },
    () => {
      const all = names();
      const first = all.length > 0 ? "Choose a model" : "No model is open in this notebook";
      return [h("option", { value: "" }, first), all.map((name) => h("option", { value: name }, name))];
    },
  ) as HTMLSelectElement;
  return select;
}

function cardEditor(card: Signal<string>, looks: Signal<"write" | "read">): Child {
  const text = h("textarea.gw-writing", {
    "aria-label": "Card in Markdown",
    value: () => card.value,
    oninput: () => {
      card.value = text.value;
    },
  }) as HTMLTextAreaElement;
  return [
    h(
      "div.gw-bar",
      {},
      h("span", {}, "Card"),
      h("span.gw-push"),
      choice("Card", looks, [
        ["write", "Write"],
        ["read", "Read"],
      ]),
    ),
    () => (looks.value === "write" ? text : h("div.gw-markdown", { dir: "auto" }, blocks(card.value))),
    h("small.gw-quiet", {}, "Markdown. It has to say use, data and limits."),
  ];
}
