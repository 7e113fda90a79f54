import { describe, expect, it } from "vitest";
// @ts-expect-error: a script of the build, without types
import { scope } from "../scope.mjs";

const widgets = ["heatmap", "store"];
const scoped = (css: string): string => scope(css, "store", widgets).trim();
const inside = ":where(.gw-store *)";

describe("a widget's style sheet", () => {
  it("holds for elements inside of the widget, with the weight that it had", () => {
    expect(scoped(".gw-desk{gap:1px}")).toBe(`.gw-desk${inside}{gap:1px}`);
    expect(scoped(".gw-a:is(b,i)>u,p{gap:1px}")).toBe(`.gw-a:is(b,i)>u${inside},p${inside}{gap:1px}`);
  });

  it("names this root where the sheet that all share names all of them", () => {
    expect(scoped(":is(.gw-heatmap,.gw-store) h3{gap:1px}")).toBe(".gw-store h3{gap:1px}");
  });

  it("leaves alone what names a root itself", () => {
    const css = ".gw-store .gw-desk,.jp-Output:has(.gw-store-still){gap:1px}.gw-lab .gw-heatmap{gap:1px}";
    expect(scoped(css)).toBe(css);
  });

  it("keeps pseudo-elements last", () => {
    expect(scoped(".gw-a:hover:before{gap:1px}")).toBe(`.gw-a:hover${inside}:before{gap:1px}`);
    expect(scoped(".gw-a::-webkit-progress-bar{gap:1px}")).toBe(
      `.gw-a${inside}::-webkit-progress-bar{gap:1px}`,
    );
  });

  it("goes into conditions, and not into keyframes, strings and addresses", () => {
    expect(scoped("@container gw (width>1px){.gw-a{gap:1px}}")).toBe(
      `@container gw (width>1px){.gw-a${inside}{gap:1px}}`,
    );
    for (const css of ["@keyframes gw-fade{0%{opacity:1}to{opacity:.5}}", '.gw-store i{content:"},{"}']) {
      expect(scoped(css)).toBe(css);
    }
    expect(scoped('.gw-a[title="a,}b"]{background:url("data:x,{}")}')).toBe(
      `.gw-a[title="a,}b"]${inside}{background:url("data:x,{}")}`,
    );
  });
});
