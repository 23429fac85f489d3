import type { Application } from "express";

/** Characters to encode in a path: those that can end an attribute, an entity, a string or a cookie's path. */
const unsafe = /%(?![\da-f]{2})|[^\w\-.~%!$+,=:@/]/gi;

/**
 * Returns a mount path, or a proxy's prefix, in the form that the library's URLs begin with. Visitors choose its text if
 * the mount has a parameter or a wildcard.
 *
 * The result starts with one slash, since a URL that starts with two names another host, and has no slash at its end.
 * Characters that are unsafe inside quotation marks, in markup and in scripts, are percent-encoded.
 */
export function mountPathOf(path: string): string {
  const encoded = path.replace(unsafe, percentEncoded);
  return encoded.replace(/^\/+/, "/").replace(/\/+$/, "");
}

/** An application's mount path outside a request; empty if it has a parameter or a wildcard. */
export function fixedMountPath(app: Application): string {
  const path = app.path();
  return /[:*{}()[\]?+!]/.test(path) ? "" : mountPathOf(path);
}

/** Percent-encodes a character. Node returns the bytes of a path as Latin-1. */
function percentEncoded(character: string): string {
  const code = character.charCodeAt(0);
  const bytes = Buffer.from(character, code < 0x100 ? "latin1" : "utf8");
  return [...bytes].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}
