import { readFileSync } from "node:fs";
import type { OptionReader } from "../shared/option-reader.js";
import { unfoldPem } from "../shared/pem.js";
import type { Flags } from "./command-line.js";
import { UsageError } from "./errors.js";

/** Returns the flags of a secret: one for the secret itself, one for a file that holds it. */
export function secretFlags(name: string, what: string, variable: string): Flags {
  return {
    [name]: { value: "secret", variable, help: `${what} Prefer the environment or a file: other users can see flags.` },
    [`${name}-file`]: { value: "path", help: "A file that contains it; - means the standard input." },
  };
}

/** The ways to give a command its signing secret, for error messages. */
export const waysToSecret = "--secret-file, or SECRET_KEY in the environment or in .env; gen-secret-key generates one";

/**
 * Reads a secret from the flags, else from the environment. One line break at a file's end is removed, because editors
 * add it.
 *
 * @param variables - The environment variables, in order of precedence.
 */
export function readSecret(read: OptionReader, name: string, variables: readonly string[] = []): string | undefined {
  const path = read.string(`${name}-file`);
  const given = read.string(name);
  if (path !== undefined && given !== undefined)
    throw new UsageError(`Use only one of the flags --${name} and --${name}-file.`);
  if (path !== undefined) return unfoldPem(readSecretFile(`${name}-file`, path));
  return unfoldPem(given ?? variables.map((variable) => process.env[variable]).find((value) => value));
}

function readSecretFile(flag: string, path: string): string {
  let secret: string;
  try {
    secret = readFileSync(path === "-" ? 0 : path, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    throw new UsageError(`The file of --${flag} cannot be read: ${(error as Error).message}.`);
  }
  if (secret === "") throw new UsageError(`The file of --${flag} is empty.`);
  return secret;
}
