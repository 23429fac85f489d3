import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The root of the package. The package resolves its own name, so the build can put this code anywhere. */
const root = dirname(createRequire(import.meta.url).resolve("htmx-mercure/package.json"));

/** Returns the path of a folder or a file of the package, both from the sources and from the build. */
export function packageFolder(name: "components" | "templates" | "dist" | "package.json"): string {
  return join(root, name);
}
