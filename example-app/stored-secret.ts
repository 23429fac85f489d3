import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";

/** Reads the secret in a file. Creates the file when it is missing. Several processes can start at once. */
export function storedSecret(file: string): string {
  const own = `${file}-${process.pid}`;
  writeFileSync(own, randomBytes(32).toString("hex"), { mode: 0o600 });
  try {
    // A link appears with its whole content, and fails if the file exists.
    linkSync(own, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(own);
  }
  return readFileSync(file, "utf8");
}
