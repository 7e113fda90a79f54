// What stands in the place of the listings: a heading, and the way back.
import { type Child, h } from "../dom";
import { iconButton } from "../ui";
import type { Shop } from "./shop";

export const back = ({ place }: Shop, title: string): Child =>
  h(
    "header.gw-bar",
    {},
    iconButton("back", "Back to the models (Escape)", () => {
      place.value = "";
    }),
    h("h3", { tabindex: -1 }, title),
  );
