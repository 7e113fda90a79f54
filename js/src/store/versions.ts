// Where a listing comes from, its versions, and what the checks said of the newest.
import { computed, signal } from "@preact/signals-core";
import { type Child, h } from "../dom";
import { button } from "../ui";
import { bytes, day, many } from "./format";
import { ended, jobOf } from "./jobs";
import { action, type Shop } from "./shop";
import type { Check, Shown, Version } from "./types";

export function versions(shop: Shop, shown: () => Shown): Child {
  return [
    submitting(shop, shown),
    () => {
      const { checks } = shown();
      return checks.length > 0 && [h("h4", {}, "Checks"), h("ul.gw-checks", {}, checks.map(checked))];
    },
    h("h4", {}, "Versions"),
    () => shown().versions.map(version),
  ];
}

const checked = ({ name, passed, reason }: Check): Child =>
  h(
    "li",
    { "data-check": name, "data-passed": passed },
    h("b", { "aria-hidden": "true" }, passed ? "✓" : "✗"),
    h("span", {}, h("span.gw-hidden", {}, passed ? "passed: " : "failed: "), h("b", {}, name), ` ${reason}`),
  );

function version(one: Version): Child {
  const revision = one.revision ? one.revision.slice(0, 12) : "not pinned yet";
  const facts = [
    one.status,
    day(one.made_at),
    one.dtype,
    one.weight_bytes === null ? "" : bytes(one.weight_bytes),
  ];
  return h(
    "div.gw-version",
    {},
    h(
      "p.gw-facts",
      {},
      h("code", { title: one.revision }, revision),
      ...facts.filter(Boolean).map((fact) => h("span", {}, fact)),
    ),
    one.words && h("p", { dir: "auto" }, `The reviewer says: ${one.words}`),
    h("p.gw-quiet", {}, `From ${source(one.source)}${one.made_by ? `, by ${one.made_by}` : ""}.`),
    one.files &&
      one.files.length > 0 &&
      h(
        "details",
        {},
        h("summary", {}, many(one.files.length, "file")),
        h(
          "table.gw-plain",
          {},
          one.files.map(({ path, bytes: size, sha256 }) =>
            h(
              "tr",
              {},
              h("td", {}, path),
              h("td", { "data-kind": "number" }, bytes(size)),
              h("td", {}, sha256 && h("code", { title: `SHA-256 ${sha256}` }, sha256.slice(0, 12))),
            ),
          ),
        ),
      ),
  );
}

/** Where a version's files come from, in words. */
export function source(from: Version["source"]): string {
  const at = (name: string): string => (typeof from?.[name] === "string" ? (from[name] as string) : "");
  const where = at("repository") || at("folder") || at("path") || at("package");
  const kinds: Record<string, string> = {
    hub: "the Hugging Face Hub",
    wheel: "the package",
    folder: "the folder",
    gguf: "the file",
  };
  const kind = kinds[at("kind")] ?? at("kind");
  return [kind, where].filter(Boolean).join(", ") || "somewhere that nobody noted";
}

/** What its publisher can do: submit a draft, withdraw what others find. Whose it is the store itself knows. */
function submitting(shop: Shop, shown: () => Shown): Child {
  const act = action(shop);
  const sure = signal(false);
  // Worked out apart, so that a button under the hand stays while the store is read anew.
  const name = computed(() => shown().listing.name);
  const off = (): boolean => act.busy.value || !shop.live.value;
  const withdraw = (): Child =>
    sure.value
      ? [
          h("span", {}, "Those who have it keep it; nobody else finds it."),
          button("Withdraw", () => void act.run("withdraw", { name: name.peek() }), {
            disabled: off,
            class: "gw-button gw-danger",
          }),
          button("Keep", () => {
            sure.value = false;
          }),
        ]
      : button(
          "Withdraw",
          () => {
            sure.value = true;
          },
          { disabled: off },
        );
  const checking = computed(() => {
    const job = jobOf(shop.traits.jobs.value, name.value, "check");
    return job !== undefined && !ended(job);
  });
  const own = computed(() => shown().listing.origin === "user");
  const draft = computed(() =>
    shown().versions.some(({ status }) => status === "draft" || status === "rejected"),
  );
  const found = computed(() => ["published", "submitted"].includes(shown().listing.status));
  return () =>
    own.value &&
    !checking.value &&
    h(
      "div.gw-ask",
      {},
      () =>
        draft.value && [
          h("p", {}, "Submitting runs the checks; what passes them waits for a reviewer."),
          h(
            "div.gw-group",
            {},
            button("Submit", () => void act.run("submit", { name: name.peek() }), {
              disabled: off,
              class: "gw-button gw-accent",
            }),
          ),
        ],
      () => found.value && h("div.gw-group", {}, withdraw),
      () => act.error.value && h("p.gw-error", { role: "alert" }, act.error.value),
    );
}
