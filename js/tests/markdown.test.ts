// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { h } from "../src/dom";
import { blocks } from "../src/markdown";

const html = (text: string): string => h("div", {}, blocks(text)).innerHTML;

describe("Markdown", () => {
  it("makes headings, emphasis, lists and code", () => {
    const made = h("div", {}, blocks("# One *two*\n\n- **a**\n- `b`\n\n1. c\n\n```py\nx < 1\n```\nend"));
    expect([...made.children].map((one) => `${one.localName}:${one.textContent}`)).toEqual([
      "p:One two",
      "ul:ab",
      "ol:c",
      "pre:x < 1",
      "p:end",
    ]);
    expect(made.querySelectorAll("em, strong, code, li").length).toBe(7);
  });

  it("never makes elements of a model's HTML", () => {
    const made = h("div", {}, blocks("</script><script>alert(1)</script>\n\n# <img src=x onerror=alert(1)>"));
    expect(made.querySelector("script, img")).toBeNull();
    expect(made.textContent).toContain("<script>alert(1)</script>");
  });

  it("follows only addresses of pages, and shows where they lead", () => {
    const link = h("div", {}, blocks("[here](https://example.org/a?b=1)")).querySelector("a");
    expect(link?.getAttribute("rel")).toBe("noopener noreferrer nofollow");
    expect(link?.parentElement?.textContent).toBe("here (https://example.org/a?b=1)");
    for (const address of [
      "javascript:alert(1)",
      "JaVaScRiPt:alert(1)",
      "data:text/html,x",
      "//x",
      "file:///a",
    ]) {
      expect(html(`[a](${address})`)).not.toContain("<a");
      expect(html(`[a](${address})`)).toContain("[a](");
    }
  });

  it("makes tables, quotes and rules, and names pictures without fetching them", () => {
    const text =
      "| a | *b* |\n|---|--:|\n| 1 | 2 |\n\n> so\n> it is\n\n---\n![spy](https://example.org/spy.png)";
    const made = h("div", {}, blocks(text));
    expect([...made.children].map((one) => one.localName)).toEqual(["table", "blockquote", "hr", "p"]);
    expect([...made.querySelectorAll("th, td")].map((one) => one.textContent)).toEqual(["a", "b", "1", "2"]);
    expect(made.querySelector("img")).toBeNull();
    expect(made.textContent).toContain("[picture: spy]");
  });

  it("ends with any text, however broken", () => {
    for (const text of [
      "```",
      "```\n",
      "#",
      "- ",
      "**",
      "*a",
      "[",
      "[a](",
      "\n\n\n",
      "1.",
      "|",
      "||",
      "| a",
      ">",
      "`".repeat(9),
    ]) {
      expect(() => blocks(text)).not.toThrow();
    }
  });
});
