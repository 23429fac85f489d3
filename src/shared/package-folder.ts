import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The root of the package: it finds itself by its name, wherever the build puts this code. */
const root = dirname(createRequire(import.meta.url).resolve("htmx-mercure/package.json"));

/** The path of a folder or a file of the package itself, from the sources as from the build. */
export function packageFolder(name: "components" | "templates" | "dist" | "package.json"): string {
  return join(root, name);
}
