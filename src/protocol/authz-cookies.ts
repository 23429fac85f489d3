/**
 * The cookies in which browsers present the tokens of streams, one for each distinct grant, so that tabs with different
 * streams do not overwrite each other's. Their names begin with the one name that Mercure "Cookie" knows.
 */

/** The name of a cookie whose token grants just the topics of this hash. */
export function grantCookieName(name: string, grant: string): string {
  return `${name}_${grant}`;
}

/** The hash in the name of such a cookie; undefined for any other. */
export function grantOf(cookieName: string, name: string): string | undefined {
  return cookieName.startsWith(`${name}_`) && isGrant(cookieName.slice(name.length + 1))
    ? cookieName.slice(name.length + 1)
    : undefined;
}

/** Whether a text can be such a hash: the first 16 bytes of SHA-256, in base64url. */
export function isGrant(text: string): boolean {
  return /^[\w-]{22}$/.test(text);
}

/** The parameter of a stream's URL that names its grant: the hub goes by this cookie alone. */
export const grantParameter = "grant";

/**
 * The name of the cookie that all the others need: without it their tokens are worth nothing, so that deleting this one
 * signs the browser out, although a page that is not below the hub's path does not see the others.
 */
export function keyCookieName(name: string): string {
  return `${name}_key`;
}

/** The member of a token's claim `cnf` that names, by its SHA-256, the cookie that the token needs. RFC 7800. */
export const cookieConfirmation = "cookie#S256";

/** A name, and what it is on plain HTTP, where browsers take no cookie with the prefix `__Secure-`. */
export function insecureName(name: string): string {
  return name.replace(/^__(Secure|Host)-/, "");
}
