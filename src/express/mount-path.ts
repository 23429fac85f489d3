import type { Application } from "express";

/** All that a path in our URLs may hold: no character that ends an attribute, an entity, a string or a cookie's path. */
const unsafe = /%(?![\da-f]{2})|[^\w\-.~%!$+,=:@/]/gi;

/**
 * Returns a path as our URLs begin with it: the path under which an application is mounted, or a proxy shows it. Visitors
 * choose its text wherever the mount has a parameter or a wildcard.
 *
 * The result has one slash at its start, since a URL that begins with two names another host, and none at its end. What
 * markup and scripts cannot hold in quotation marks of either kind is percent-encoded.
 */
export function mountPathOf(path: string): string {
  const encoded = path.replace(unsafe, percentEncoded);
  return encoded.replace(/^\/+/, "/").replace(/\/+$/, "");
}

/** The path under which an application is mounted, where no request shows it; none where a parameter is in it. */
export function fixedMountPath(app: Application): string {
  const path = app.path();
  return /[:*{}()[\]?+!]/.test(path) ? "" : mountPathOf(path);
}

/** Node hands out the bytes of a path as Latin-1. */
function percentEncoded(character: string): string {
  const code = character.charCodeAt(0);
  const bytes = Buffer.from(character, code < 0x100 ? "latin1" : "utf8");
  return [...bytes].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}
