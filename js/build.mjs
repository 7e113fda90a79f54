// Bundles each widget: src/<name>/index.ts -> ../gptwidgets/static/<name>.js, and <name>.css beside it.
//
// Every widget on a page sends its whole script through the kernel's websocket, so a script has a budget.
// `node build.mjs` builds and prints the sizes; with `--budget` it fails where a script is over its budget;
// `--watch` goes on building.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const BUDGET = 60 * 1024; // bytes of minified script a widget

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

/** Prints the sizes; false where a script is over its budget. */
function weigh() {
  let fits = true;
  for (const name of widgets) {
    for (const ending of ["js", "css"]) {
      const path = join(target, `${name}.${ending}`);
      if (!existsSync(path)) continue;
      const bytes = readFileSync(path);
      const size = bytes.length;
      const packed = gzipSync(bytes).length;
      const over = ending === "js" && size > BUDGET;
      const verdict = over ? `over the budget of ${BUDGET} bytes` : "";
      console.log(`${relative(here, path)}  ${size} bytes (${packed} gzipped) ${verdict}`.trimEnd());
      if (over) fits = false;
    }
  }
  return fits;
}

if (process.argv.includes("--watch")) {
  const context = await esbuild.context({
    ...options,
    sourcemap: "inline",
    minify: false,
    plugins: [{ name: "weigh", setup: (build) => build.onEnd(() => void weigh()) }],
  });
  await context.watch();
} else if (widgets.length === 0) {
  console.error("nothing to build: no src/<name>/index.ts");
  process.exitCode = 1;
} else {
  try {
    await esbuild.build(options);
    if (!weigh() && process.argv.includes("--budget")) process.exitCode = 1;
  } catch {
    process.exitCode = 1; // esbuild has said why
  }
}
