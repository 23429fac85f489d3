import { fileURLToPath } from "node:url";

/** A folder of the package itself, from the sources as from the build. */
export function kitFolder(name: "components" | "templates" | "dist"): string {
  return fileURLToPath(new URL(`../../${name}`, import.meta.url));
}
