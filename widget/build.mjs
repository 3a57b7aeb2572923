// Builds src/helpbot/channels/web/static/widget/v1 from src/: minified, with brotli and gzip copies beside each file.
// `loader.js` is named by hash in other people's pages (SRI): while its version is v1 its bytes must not change
// after a release. `manifest.json` records the hashes; tests/web/test_widget_files.py holds the files to them.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build, transform } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.env.HELPBOT_WIDGET_OUT ?? join(here, "../src/helpbot/channels/web/static/widget/v1");
const css = async (name) =>
  (await transform(readFileSync(join(here, "src", name), "utf8"), { loader: "css", minify: true, target: ["chrome100", "safari15", "firefox100"] })).code.trim();
const bundle = async (name, define = {}) =>
  (await build({
    entryPoints: [join(here, "src", name)], bundle: true, minify: true, write: false, format: "iife",
    target: "es2022", charset: "utf8", legalComments: "none", define,
  })).outputFiles[0].text;

const files = {
  "loader.js": await bundle("loader.ts", { LOADER_CSS: JSON.stringify(await css("loader.css")) }),
  "app.js": await bundle("app.ts"),
  "app.css": await css("app.css"),
};
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const manifest = {};
for (const [name, text] of Object.entries(files)) {
  const bytes = Buffer.from(text);
  writeFileSync(join(out, name), bytes);
  writeFileSync(join(out, `${name}.br`), brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
  writeFileSync(join(out, `${name}.gz`), gzipSync(bytes, { level: 9 }));
  manifest[name] = `sha384-${createHash("sha384").update(bytes).digest("base64")}`;
}
writeFileSync(join(out, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
for (const name of Object.keys(files)) {
  console.log(name.padEnd(10), String(files[name].length).padStart(7), String(readFileSync(join(out, `${name}.br`)).length).padStart(6));
}
