/**
 * The cookies in which browsers present the tokens of streams, one for each distinct grant, so that tabs with different
 * streams do not overwrite each other's. Their names begin with the one name that Mercure "Cookie" knows.
 */

const prefix = /^__(Secure|Host)-/;

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

/**
 * The name of the cookie that tells pages of a grant's cookie, which is sent to the hub alone. Each grant has one of its
 * own, since pages that are rendered at the same time would overwrite a list that they share.
 *
 * @param owner - As of {@link keyCookieNames}: a page takes back the cookies of its own application alone.
 */
export function markCookieName(name: string, owner: string, grant: string): string {
  return `${name}_at_${owner}_${grant}`;
}

/** The grant that such a cookie tells of; undefined for any other cookie. */
export function markedGrant(cookieName: string, name: string, owner: string): string | undefined {
  return grantOf(cookieName, `${name}_at_${owner}`);
}

/** Whether a text can be such a hash: the first 22 characters of a signature in base64url. */
export function isGrant(text: string): boolean {
  return /^[\w-]{22}$/.test(text);
}

/** The parameter of a stream's URL that names its grant: the hub goes by this cookie alone. */
export const grantParameter = "grant";

/**
 * The names of the cookie that all the others need: without it their tokens are worth nothing, so that deleting this one
 * signs the browser out, although a page that is not below the hub's path does not see the others. Where there is one of
 * the first name it alone counts: no other host of the site can have set it. RFC 6265bis, section 4.1.3.
 *
 * @param owner - Tells an application from others on ports of its host, which share its cookies: eight characters.
 */
export function keyCookieNames(name: string, owner = ""): { readonly hostOnly: string; readonly other: string } {
  const end = owner === "" ? "_key" : `_key_${owner}`;
  return { hostOnly: `__Host-${insecureName(name)}${end}`, other: name + end };
}

/** The cookies, each as name and value in one text, that tokens can need: those of all applications on the host. */
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

/** What a token is bound to: the name too, since other hosts of the site can set a known value under another name. */
export function keyCookie(name: string, value: string): string {
  return `${name}=${value}`;
}

/** The member of a token's claim `cnf` that names, by its SHA-256, the cookie that the token needs. RFC 7800. */
export const cookieConfirmation = "cookie#S256";

/** What a name is on plain HTTP, where browsers take no cookie with the prefix `__Secure-`. */
export function insecureName(name: string): string {
  return name.replace(prefix, "");
}

/** What a name is where browsers shall take the cookie from HTTPS alone. */
export function secureName(name: string): string {
  return prefix.test(name) ? name : `__Secure-${name}`;
}
