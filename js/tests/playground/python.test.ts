// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest";
import { fakeModel, settled } from "../fake";
import { all, button } from "../heatmap/view";
import { answer, READY, show } from "./kernel";

async function opened(fields: object = { gptwidgets: "import gptwidgets", transformers: "import <b>" }) {
  const model = fakeModel({ ...READY, leaf: "w" });
  const root = show(model);
  button(root, "Copy as Python").click();
  const asked = model.sent.filter(({ kind }) => kind === "code");
  answer(model, "code", fields);
  await settled();
  return { asked, root, code: () => root.querySelector(".gw-code") };
}

describe("as Python", () => {
  it("is asked for of the shown text, when somebody looks", async () => {
    const { asked, root, code } = await opened();
    expect(asked).toMatchObject([{ kind: "code", leaf: "w" }]);
    expect(code()?.textContent).toBe("import gptwidgets");
    all<HTMLInputElement>(root, ".gw-sheet input")[1]?.dispatchEvent(new Event("change"));
    expect(code()?.innerHTML).toBe("import &lt;b&gt;");
  });

  it("goes to the clipboard, the shown one of the two", async () => {
    const writeText = vi.fn(async () => undefined);
    vi.stubGlobal("navigator", { clipboard: { writeText } });
    const { root } = await opened();
    button(root, "Copy").click();
    await settled();
    expect(writeText).toHaveBeenCalledWith("import gptwidgets");
    expect(root.querySelector(".gw-sheet [role=status]")?.textContent).toBe("Copied.");
    vi.unstubAllGlobals();
  });

  it("is copied the old way where a page has no clipboard, or by hand", async () => {
    vi.stubGlobal("navigator", {});
    const copied: (string | undefined)[] = [];
    let allowed = true;
    document.execCommand = () => {
      copied.push(document.querySelector<HTMLTextAreaElement>("body > textarea")?.value);
      return allowed;
    };
    const { root } = await opened();
    const said = async (): Promise<string | null | undefined> => {
      button(root, "Copy").click();
      await settled();
      return root.querySelector(".gw-sheet [role=status]")?.textContent;
    };
    expect(await said()).toBe("Copied.");
    allowed = false;
    expect(await said()).toBe("The browser does not allow it: select and copy by hand.");
    expect(copied).toEqual(["import gptwidgets", "import gptwidgets"]);
    expect(document.querySelector("body > textarea")).toBeNull();
    vi.unstubAllGlobals();
  });

  it("says why there is none", async () => {
    const error = { type: "TextError", message: "It has no ids." };
    const { root } = await opened({ ok: false, error });
    expect(root.querySelector(".gw-sheet [role=status]")?.textContent).toBe("It has no ids.");
    expect(button(root, "Copy").disabled).toBe(true);
  });
});
