// @vitest-environment happy-dom
import { signal } from "@preact/signals-core";
import { describe, expect, it, vi } from "vitest";
import { build, follow, h, onEnd } from "../src/dom";

describe("h", () => {
  it("makes an element with classes, attributes, listeners and children", () => {
    const onclick = vi.fn();
    const [button] = build(() =>
      h("button.a.b", { type: "button", title: "T", onclick }, "x", 1, null, h("b")),
    );
    button.click();
    expect(button.outerHTML).toBe('<button class="a b" type="button" title="T">x1<b class=""></b></button>');
    expect(onclick).toHaveBeenCalledOnce();
  });

  it("writes true and false as ARIA wants them, and as HTML wants them", () => {
    const [box] = build(() => h("div", { "aria-busy": false, hidden: false, inert: true, title: undefined }));
    expect(box.getAttribute("aria-busy")).toBe("false");
    expect(box.hasAttribute("hidden")).toBe(false);
    expect(box.getAttribute("inert")).toBe("");
    expect(box.hasAttribute("title")).toBe(false);
  });

  it("never reads text as markup", () => {
    const hostile = "</script><img src=x onerror=alert(1)>";
    const [box] = build(() => h("p", { title: hostile }, hostile, () => hostile));
    expect(box.children).toHaveLength(0);
    expect(box.textContent).toBe(hostile + hostile);
    expect(box.title).toBe(hostile);
  });

  it("follows signals in properties and children, and touches nothing else", () => {
    const name = signal("one");
    const still = h("i");
    const [box] = build(() => h("p", { title: () => name.value }, still, () => [name.value, "!"], "end"));
    expect(box.textContent).toBe("one!end");
    name.value = "two";
    expect(box.textContent).toBe("two!end");
    expect(box.title).toBe("two");
    expect(box.firstChild).toBe(still);
  });

  it("keeps a child's place while it is absent", () => {
    const shown = signal(false);
    const [box] = build(() => h("p", {}, "a", () => shown.value && h("b", {}, "b"), "c"));
    expect(box.textContent).toBe("ac");
    shown.value = true;
    expect(box.textContent).toBe("abc");
    shown.value = false;
    expect(box.textContent).toBe("ac");
  });
});

describe("the end of a part", () => {
  it("stops what it follows, and what was built inside it", () => {
    const source = signal(0);
    const outer = vi.fn();
    const inner = vi.fn();
    const [, end] = build(() => {
      follow(() => outer(source.value));
      return h("p", {}, () => {
        follow(() => inner(source.value));
        return "x";
      });
    });
    end();
    source.value = 1;
    expect(outer).toHaveBeenCalledTimes(1);
    expect(inner).toHaveBeenCalledTimes(1);
  });

  it("comes for a child that is built anew", () => {
    const which = signal("a");
    const ended: string[] = [];
    const [, end] = build(() =>
      h("p", {}, () => {
        const mine = which.value;
        onEnd(() => ended.push(mine));
        return mine;
      }),
    );
    which.value = "b";
    expect(ended).toEqual(["a"]);
    end();
    expect(ended).toEqual(["a", "b"]);
  });
});
