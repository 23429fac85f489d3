/**
 * Names and values of the cookies that carry stream tokens. Each distinct grant has a cookie of its own, so that tabs
 * with different streams do not overwrite each other's tokens. All names begin with the name of Mercure "Cookie".
 */

const prefix = /^__(Secure|Host)-/;

/** Returns the name of the cookie whose token grants exactly the topics of this hash. */
export function grantCookieName(name: string, grant: string): string {
  return `${name}_${grant}`;
}

/** Returns the hash in the name of a grant's cookie; undefined for any other cookie. */
export function grantOf(cookieName: string, name: string): string | undefined {
  return cookieName.startsWith(`${name}_`) && isGrant(cookieName.slice(name.length + 1))
    ? cookieName.slice(name.length + 1)
    : undefined;
}

/**
 * Returns the name of the mark cookie, which tells pages that a grant's cookie exists. The grant's cookie itself is
 * sent only to the hub. Each grant has its own mark, because pages rendered at the same time would overwrite a shared
 * list.
 *
 * @param owner - The application's identifier, as in {@link keyCookieNames}: a page removes only its own application's
 * cookies.
 */
export function markCookieName(name: string, owner: string, grant: string): string {
  return `${name}_at_${owner}_${grant}`;
}

/** Returns the grant that a mark cookie names; undefined for any other cookie. */
export function markedGrant(cookieName: string, name: string, owner: string): string | undefined {
  return grantOf(cookieName, `${name}_at_${owner}`);
}

/** Returns whether a text has the form of a grant's hash: the first 22 characters of a signature in base64url. */
export function isGrant(text: string): boolean {
  return /^[\w-]{22}$/.test(text);
}

/** The parameter of a stream's URL that names its grant. The hub then reads only this grant's cookie. */
export const grantParameter = "grant";

/**
 * Returns the names of the key cookie, which all token cookies depend on. Tokens are invalid without it, so deleting it
 * signs the browser out, even from a page outside the hub's path that cannot see the token cookies. A cookie with the
 * first name takes precedence, because no other host of the site can set it. RFC 6265bis, section 4.1.3.
 *
 * @param owner - Eight characters that distinguish the application from others on ports of its host, which share its
 * cookies.
 */
export function keyCookieNames(name: string, owner = ""): { readonly hostOnly: string; readonly other: string } {
  const end = owner === "" ? "_key" : `_key_${owner}`;
  return { hostOnly: `__Host-${insecureName(name)}${end}`, other: name + end };
}

/**
 * Returns the key cookies that tokens can depend on, each as name and value in one text. They belong to all
 * applications on the host.
 */
export function keyCookies(cookies: readonly (readonly [string, string])[], name: string): string[] {
  const { hostOnly, other } = keyCookieNames(name);
  const ownersOf = (start: string) =>
    cookies.flatMap(([each, value]) => {
      const owner = each.slice(start.length);
      return each.startsWith(start) && /^(_[\w-]{8})?$/.test(owner) ? [{ owner, text: keyCookie(each, value) }] : [];
    });
  const certain = ownersOf(hostOnly);
  const owners = new Set(certain.map(({ owner }) => owner));
  return [...ownersOf(other).filter(({ owner }) => !owners.has(owner)), ...certain].map(({ text }) => text);
}

/**
 * Returns the text that a token is bound to. It contains the name, because other hosts of the site can set a known
 * value under another name.
 */
export function keyCookie(name: string, value: string): string {
  return `${name}=${value}`;
}

/** The member of a token's claim `cnf` that names the required cookie, by its SHA-256. RFC 7800. */
export const cookieConfirmation = "cookie#S256";

/** Returns a name for plain HTTP, where browsers reject cookies with the prefix `__Secure-`. */
export function insecureName(name: string): string {
  return name.replace(prefix, "");
}

/** Returns a name that restricts a cookie to HTTPS. */
export function secureName(name: string): string {
  return prefix.test(name) ? name : `__Secure-${name}`;
}
