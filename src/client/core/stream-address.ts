const tokenName = "authorization";
const grantName = "grant";
/** What the generations of the protocol call the cursor in a query, the name for new ones first. */
const cursorNames = ["lastEventID", "last_event_id", "Last-Event-ID"];

/**
 * A stream's URL, taken apart: the token and the cursor travel on their own. The token stands in the query, or with
 * Mercure 1.0 in the fragment, which no request carries.
 */
export interface StreamAddress {
  /** Absolute, without token and cursor; the rest of the query is kept byte for byte. */
  readonly url: string;
  /** `undefined`: the URL has none. Empty: it was taken out of a page that went into the history. */
  readonly token: string | undefined;
  readonly cursor: string | undefined;
  /** The name by which this URL calls its cursor. */
  readonly cursorName: string;
  /** Whether the stream relies on a token: one in its URL, or in the cookie that its URL tells of. */
  readonly isPrivate: boolean;
}

export interface StreamRequest {
  readonly url: string;
  readonly headers: Record<string, string>;
}

export function parseAddress(text: string, base: string): StreamAddress {
  const { path, pairs, fragment } = split(text);
  const cursorName = pairs.map(nameOf).find((name) => cursorNames.includes(name)) ?? guessCursorName(pairs);
  return {
    url: new URL(join(path, without(pairs, [tokenName, ...cursorNames])), base).href,
    token: valueIn([...pairs, fragment], tokenName),
    cursor: valueIn(pairs, cursorName),
    cursorName,
    isPrivate: [...pairs, fragment].some((pair) => [tokenName, grantName].includes(nameOf(pair))),
  };
}

/** The same URL text at another cursor, and with an empty token in place of one. */
export function textAtCursor(text: string, cursor: string, cursorName: string): string {
  const { path, pairs, fragment } = split(text);
  const kept = without(pairs, cursorNames).map((pair) => (nameOf(pair) === tokenName ? `${tokenName}=` : pair));
  const url = join(path, cursor === "" ? kept : [...kept, queryPair(cursorName, cursor)]);
  return nameOf(fragment) === tokenName ? `${url}#${tokenName}=` : url;
}

/** The same URL text with another token. */
export function withToken(text: string, token: string): string {
  const { path, pairs, fragment } = split(text);
  const kept = without(pairs, [tokenName]);
  const pair = queryPair(tokenName, token);
  return nameOf(fragment) === tokenName ? `${join(path, kept)}#${pair}` : join(path, [...kept, pair]);
}

/**
 * The cursor goes in the `Last-Event-ID` header, save where the query serves better: an id that a header would change,
 * and a public stream of another origin, which without own headers needs no preflight, as with a plain EventSource.
 */
export function requestFor(address: StreamAddress, cursor: string, origin: string): StreamRequest {
  const headers: Record<string, string> = { Accept: "text/event-stream" };
  if (address.token) headers.Authorization = `Bearer ${address.token}`;
  if (cursor === "") return { url: address.url, headers };
  const needsNoPreflight = !address.token && new URL(address.url).origin !== origin;
  if (needsNoPreflight || !/^[!-~]+( +[!-~]+)*$/.test(cursor)) {
    const { path, pairs } = split(address.url);
    return { url: join(path, [...pairs, queryPair(address.cursorName, cursor)]), headers };
  }
  headers["Last-Event-ID"] = cursor;
  return { url: address.url, headers };
}

/** A header holds only Latin-1, so that a server sends another id as UTF-8 bytes or percent-encoded. */
export function isHeaderOf(id: string, header: string): boolean {
  const bytes = String.fromCharCode(...new TextEncoder().encode(id));
  return header === id || header === bytes || header === encodeURIComponent(id) || header === encodeURI(id);
}

/** Not by URLSearchParams as a whole: it would write the rest of the query anew, which breaks signed URLs. */
function split(text: string): { path: string; pairs: string[]; fragment: string } {
  const [url = "", fragment = ""] = text.split(/#(.*)/s);
  const [path = "", query] = url.split(/\?(.*)/s);
  return { path, pairs: query === undefined ? [] : query.split("&"), fragment };
}

function join(path: string, pairs: string[]): string {
  return pairs.length > 0 ? `${path}?${pairs.join("&")}` : path;
}

function without(pairs: string[], names: string[]): string[] {
  return pairs.filter((pair) => !names.includes(nameOf(pair)));
}

function nameOf(pair: string): string {
  return [...new URLSearchParams(pair).keys()][0] ?? "";
}

function valueIn(pairs: string[], name: string): string | undefined {
  const pair = pairs.find((candidate) => nameOf(candidate) === name);
  return pair === undefined ? undefined : (new URLSearchParams(pair).get(name) ?? "");
}

function queryPair(name: string, value: string): string {
  return `${name}=${encodeURIComponent(value)}`;
}

/** Only Mercure 1.0 has the parameters `match` and `match_…`. */
function guessCursorName(pairs: string[]): string {
  return pairs.some((pair) => /^match(_|$)/.test(nameOf(pair))) ? "last_event_id" : "lastEventID";
}
