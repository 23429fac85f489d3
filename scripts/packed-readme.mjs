// The README of the package. npm runs this before and after packing:
//
//   node scripts/packed-readme.mjs            writes the package's README over that of the repository
//   node scripts/packed-readme.mjs --restore  brings that of the repository back
//
// The pages of docs are not in the package, so its README names them by absolute URLs, at the tag of the version. They
// come from `repository` in package.json. Without it no URL would be true: the README then names the files.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const kept = ".cache/README.md";

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  if (process.argv.includes("--restore")) restore();
  else write();
}

function write() {
  // After a pack that was cut off, the kept file is the README of the repository.
  restore();
  const readme = readFileSync("README.md", "utf8");
  mkdirSync(".cache", { recursive: true });
  writeFileSync(kept, readme);
  writeFileSync("README.md", packedReadme(readme, JSON.parse(readFileSync("package.json", "utf8"))));
}

function restore() {
  if (existsSync(kept)) renameSync(kept, "README.md");
}

/** Returns a README whose links to files of the repository are absolute, or whose text names the files. */
export function packedReadme(readme, manifest) {
  const base = repositoryOf(manifest);
  const at = (kind, path) => `${base}/${kind}/v${manifest.version}/${path}`;
  if (base === undefined) {
    return readme
      .replaceAll(/<picture>[\s\S]*?<\/picture>\n*/g, "")
      .replaceAll(/\[([^\]]+)\]\((?!https:|#)([^)#]+)[^)]*\)/g, "$1 (`$2`)");
  }
  return readme
    .replaceAll(/\b(src|srcset)="(?!https:)([^"]+)"/g, (_, name, path) => `${name}="${at("raw", path)}"`)
    .replaceAll(/\]\((?!https:|#)([^)]+)\)/g, (_, path) => `](${at("blob", path)})`);
}

/** Returns the address of the repository for browsers, or undefined for one that names none. */
function repositoryOf({ repository }) {
  const url = typeof repository === "string" ? repository : repository?.url;
  const path = /^(?:git\+)?(https:\/\/.+?)(?:\.git)?\/?$/.exec(url ?? "")?.[1];
  const github = /^(?:github:)?([\w-]+\/[\w.-]+)$/.exec(url ?? "")?.[1];
  return path ?? (github === undefined ? undefined : `https://github.com/${github}`);
}
