// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { mathml } from "../../src/heatmap/arithmetic/mathml";

const formula = (inside: string) => `<math xmlns="http://www.w3.org/1998/Math/MathML">${inside}</math>`;

test("a formula keeps its structure, and its numbers say which they are", () => {
  const made = mathml(formula('<mfrac><mn data-of="q" data-at="7">0.42</mn><mi>d</mi></mfrac>'));
  expect(made.localName).toBe("math");
  expect(made.querySelector("mfrac > mn")?.getAttribute("data-of")).toBe("q");
  expect(made.querySelector("mfrac > mn")?.getAttribute("data-at")).toBe("7");
  expect(made.textContent).toBe("0.42d");
});

test("an empty slot gets the number that is pointed at, and its place", () => {
  const made = mathml(formula('<mn data-of="k" data-at="*"></mn>'), (of) => [`${of}!`, 3]);
  expect(made.textContent).toBe("k!");
  expect(made.querySelector("mn")?.getAttribute("data-at")).toBe("3");
});

test("text stays text", () => {
  const made = mathml(formula("<mtext>&lt;img src=x&gt;</mtext>"));
  expect(made.textContent).toBe("<img src=x>");
  expect(made.querySelector("img")).toBeNull();
});

test.each([
  formula("<script>1</script>"),
  formula('<mi onclick="1">x</mi>'),
  formula('<mi href="javascript:1">x</mi>'),
  formula('<annotation-xml><p xmlns="http://www.w3.org/1999/xhtml">x</p></annotation-xml>'),
  formula("<!-- x -->"),
  "<svg xmlns='http://www.w3.org/2000/svg'/>",
  "<math><mi>x</mi></math>",
])("what is no formula of the kernel's is refused: %s", (source) => {
  expect(() => mathml(source)).toThrow();
});
