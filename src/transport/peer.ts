import { createRequire } from "node:module";
import { MercureError } from "../shared/errors.js";

/**
 * Loads a package that only some applications need. npm does not install it with the library.
 *
 * @param name - The package.
 * @param purpose - The feature that needs it, for the message: `The transport lmdb:`.
 * @throws MercureError `ERR_PACKAGE` if the package is not installed or cannot be loaded.
 */
export function loadPeer<T>(name: string, purpose: string): T {
  try {
    return createRequire(import.meta.url)(name) as T;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND";
    const message = isMissing
      ? `${purpose} needs the package ${name}. Install it: npm install ${name}`
      : `${purpose} needs the package ${name}, which cannot be loaded: ${(error as Error).message}`;
    throw new MercureError("ERR_PACKAGE", message, { cause: error });
  }
}

/** Returns whether a package is installed. */
export function hasPeer(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}
