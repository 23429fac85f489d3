import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { MercureError } from "../shared/errors.js";
import type { HtmxLine } from "../shared/htmx-line.js";
import { packageFolder } from "../shared/package-folder.js";

const ownRequire = createRequire(import.meta.url);

/** The names of a line's package. An application with both lines installs one of them under the second name. */
const packageNames = (line: HtmxLine) => ["htmx.org", `htmx${line}`];

/** Returns the functions that look for packages: in the application, in this package, and beside the extension of htmx 2. */
function lookups(): NodeJS.Require[] {
  const extension = find([ownRequire], "htmx-ext-sse/package.json");
  return [createRequire(join(process.cwd(), "package.json")), ownRequire].concat(
    extension ? createRequire(extension) : [],
  );
}

function find(requires: readonly NodeJS.Require[], file: string): string | undefined {
  for (const lookup of requires) {
    try {
      return lookup.resolve(file);
    } catch {
      // The next function searches elsewhere.
    }
  }
  return undefined;
}

function majorOf(manifest: string): number {
  return Number.parseInt((JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version, 10);
}

/** Returns the line of the installed package `htmx.org`, or 2 without one. */
export function installedLine(): HtmxLine {
  const manifest = find(lookups(), "htmx.org/package.json");
  return manifest !== undefined && majorOf(manifest) === 4 ? 4 : 2;
}

/**
 * Returns the path of a file of htmx.
 *
 * @throws MercureError `ERR_PACKAGE` if the line is not installed.
 */
export function htmxFile(line: HtmxLine, file: string): string {
  for (const lookup of lookups()) {
    for (const name of packageNames(line)) {
      const manifest = find([lookup], `${name}/package.json`);
      if (manifest !== undefined && majorOf(manifest) === line) return join(manifest, "..", file);
    }
  }
  throw new MercureError(
    "ERR_PACKAGE",
    `The scripts of htmx ${line} are not installed. Run npm install htmx.org@${line}, or npm install ` +
      `htmx${line}@npm:htmx.org@${line} to keep another htmx.org.`,
  );
}

/**
 * Joins the client of a line and the part that both lines share into one classic script. In the package they are
 * modules, for bundlers.
 *
 * @param ui - The served name of the script that the client loads when a page needs it.
 */
export function clientScript(line: HtmxLine, ui: string): string {
  const read = (name: string) => readFileSync(join(packageFolder("dist"), "client", name), "utf8").trim();
  const [, core, exported] = /^(.*)export\{(.*?)\};?$/s.exec(read("core.js"))!;
  const [, imported, client] = /^import\{(.*?)\}from"[^"]*";(.*)$/s.exec(
    read(line === 2 ? "mercure.js" : "mercure4.js"),
  )!;
  const own = new Map(pairsIn(exported!).map(([name, as]) => [as, name]));
  const names = pairsIn(imported!);
  const values = names.map(([name]) => own.get(name));
  return `(()=>{${core};((${names.map(([, as]) => as)})=>{${client}})(${values})})();\n`.replace("./ui.js", `./${ui}`);
}

/** Returns the names of an import or an export, such as `a as b`, in pairs. */
function pairsIn(names: string): [name: string, as: string][] {
  return names.split(",").map((each) => {
    const [name = "", as = name] = each.trim().split(" as ");
    return [name, as];
  });
}
