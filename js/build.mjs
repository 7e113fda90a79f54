// Bundles each widget: src/<name>/index.ts -> ../gptwidgets/static/<name>.js, and <name>.css beside it.
//
// Every widget on a page sends its whole script through the kernel's websocket, so a script has a budget.
// `node build.mjs` builds and prints the sizes; with `--budget` it fails where a script is over its budget;
// `--watch` goes on building.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { constants, deflateRawSync } from "node:zlib";
import * as esbuild from "esbuild";
import { scope } from "./scope.mjs";

const BUDGET = 60 * 1024; // bytes that one widget sends as its script

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "src");
const target = join(here, "..", "gptwidgets", "static");

const widgets = readdirSync(source).filter((name) => existsSync(join(source, name, "index.ts")));
const entryPoints = widgets.flatMap((name) => {
  const css = join(source, name, `${name}.css`);
  const script = { in: join(source, name, "index.ts"), out: name };
  return existsSync(css) ? [script, { in: css, out: name }] : [script];
});

const options = {
  entryPoints,
  outdir: target,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  legalComments: "none",
  charset: "utf8",
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
};

/** A module that unpacks the minified one, and imports it as anywidget itself imports: by a blob's address. */
function pack(minified) {
  const packed = deflateRawSync(minified, { level: constants.Z_BEST_COMPRESSION }).toString("base64");
  return `const packed = "${packed}";
export default async () => {
  const bytes = Uint8Array.from(atob(packed), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const script = new Blob([await new Response(stream).arrayBuffer()], { type: "text/javascript" });
  const url = URL.createObjectURL(script);
  try {
    return (await import(url)).default();
  } finally {
    URL.revokeObjectURL(url);
  }
};
`;
}

/** Keeps each style sheet to its widget, packs the scripts, and prints their sizes; false where one is over the budget. */
function finish() {
  let fits = true;
  for (const name of widgets) {
    const sheet = join(target, `${name}.css`);
    if (existsSync(sheet)) writeFileSync(sheet, scope(readFileSync(sheet, "utf8"), name, widgets));
    const path = join(target, `${name}.js`);
    const minified = readFileSync(path);
    const sent = pack(minified);
    writeFileSync(path, sent);
    const over = sent.length > BUDGET;
    const verdict = over ? `, over the budget of ${BUDGET} bytes` : "";
    console.log(`${relative(here, path)}  ${sent.length} bytes, ${minified.length} unpacked${verdict}`);
    if (over) fits = false;
  }
  return fits;
}

if (process.argv.includes("--watch")) {
  const context = await esbuild.context({
    ...options,
    sourcemap: "inline",
    minify: false,
  });
  await context.watch();
} else if (widgets.length === 0) {
  console.error("nothing to build: no src/<name>/index.ts");
  process.exitCode = 1;
} else {
  try {
    await esbuild.build(options);
    if (!finish() && process.argv.includes("--budget")) process.exitCode = 1;
  } catch {
    process.exitCode = 1; // esbuild has said why
  }
}
