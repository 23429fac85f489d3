// The README and the package.json of the package. npm runs this before and after packing:
//
//   node scripts/packed-files.mjs            writes the files of the package over those of the repository
//   node scripts/packed-files.mjs --restore  brings those of the repository back
//
// The pages of docs are not in the package, so its README names them by absolute URLs, at the tag of the version. They
// come from `repository` in package.json. Without it no URL would be true: the README then names the files. The
// package.json of the package leaves out the scripts and the tools of development, which no user of the package can run.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const keptFolder = ".cache";
const files = ["README.md", "package.json"];

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  if (process.argv.includes("--restore")) restore();
  else write();
}

function write() {
  // After a pack that was cut off, the kept files are those of the repository.
  restore();
  const [readme, manifest] = files.map((file) => readFileSync(file, "utf8"));
  mkdirSync(keptFolder, { recursive: true });
  writeFileSync(`${keptFolder}/README.md`, readme);
  writeFileSync(`${keptFolder}/package.json`, manifest);
  writeFileSync("README.md", packedReadme(readme, JSON.parse(manifest)));
  writeFileSync("package.json", packedManifest(manifest));
}

function restore() {
  for (const file of files) if (existsSync(`${keptFolder}/${file}`)) renameSync(`${keptFolder}/${file}`, file);
}

/** Returns a package.json without the members for development. */
export function packedManifest(manifest) {
  const { scripts: _scripts, devDependencies: _tools, ...rest } = JSON.parse(manifest);
  return `${JSON.stringify(rest)}\n`;
}

/**
 * Returns a README whose links to files of the repository are absolute, or whose text names the files. It leaves out the
 * commands for a copy of the repository.
 */
export function packedReadme(whole, manifest) {
  const readme = whole.replace(/^## Try it\n[\s\S]*?(?=^htmx-mercure requires)/m, "");
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
