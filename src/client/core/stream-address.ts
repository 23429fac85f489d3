const tokenName = "authorization";
const grantName = "grant";
/** The names of the cursor's query parameter in all versions of the protocol, the name for new cursors first. */
const cursorNames = ["lastEventID", "last_event_id", "Last-Event-ID"];

/**
 * The parts of a stream's URL. The token and the cursor are sent separately. The token is in the query, or with Mercure
 * 1.0 in the fragment, which no request carries.
 */
export interface StreamAddress {
  /** The absolute URL, without token and cursor. The rest of the query is kept byte for byte. */
  readonly url: string;
  /** The token. `undefined`: the URL has no token. Empty: it was removed when the page went into the history. */
  readonly token: string | undefined;
  readonly cursor: string | undefined;
  /** The name of this URL's cursor parameter. */
  readonly cursorName: string;
  /** Whether the stream needs a token: in its URL, or in the cookie that its URL names. */
  readonly isPrivate: boolean;
}

export interface StreamRequest {
  readonly url: string;
  readonly headers: Record<string, string>;
}

export function parseAddress(text: string, base: string): StreamAddress {
  const { path, pairs, fragment } = split(text);
  const cursorName = cursorNameOf(pairs);
  return {
    url: new URL(join(path, without(pairs, [tokenName, ...cursorNames])), base).href,
    token: valueIn([...pairs, fragment], tokenName),
    cursor: valueIn(pairs, cursorName),
    cursorName,
    isPrivate: [...pairs, fragment].some((pair) => [tokenName, grantName].includes(nameOf(pair))),
  };
}

/** Returns the same URL text with another cursor. An empty cursor is omitted. */
export function withCursor(text: string, cursor: string, cursorName = cursorNameOf(split(text).pairs)): string {
  const { path, pairs, fragment } = split(text);
  const kept = without(pairs, cursorNames);
  const url = join(path, cursor === "" ? kept : [...kept, queryPair(cursorName, cursor)]);
  return fragment === "" ? url : `${url}#${fragment}`;
}

/** Returns the same URL text with another cursor, and with its token emptied. */
export function textAtCursor(text: string, cursor: string, cursorName: string): string {
  const { path, pairs, fragment } = split(withCursor(text, cursor, cursorName));
  const emptied = (pair: string) => (nameOf(pair) === tokenName ? `${tokenName}=` : pair);
  const url = join(path, pairs.map(emptied));
  return fragment === "" ? url : `${url}#${fragment.split("&").map(emptied).join("&")}`;
}

/** Returns the same URL text with another token. */
export function withToken(text: string, token: string): string {
  const { path, pairs, fragment } = split(text);
  const kept = without(pairs, [tokenName]);
  const pair = queryPair(tokenName, token);
  return nameOf(fragment) === tokenName ? `${join(path, kept)}#${pair}` : join(path, [...kept, pair]);
}

/**
 * Builds the request for a stream at a cursor. The cursor goes in the `Last-Event-ID` header, with two exceptions that
 * use the query: an id that a header would change, and a public stream of another origin. The latter has no custom
 * headers and so needs no preflight, like a plain EventSource.
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

/**
 * Returns whether a header holds an id. Headers are Latin-1, so servers send other ids as UTF-8 bytes or
 * percent-encoded.
 */
export function isHeaderOf(id: string, header: string): boolean {
  const bytes = String.fromCharCode(...new TextEncoder().encode(id));
  return header === id || header === bytes || header === encodeURIComponent(id) || header === encodeURI(id);
}

/** Splits a URL by hand: URLSearchParams would rewrite the rest of the query, which breaks signed URLs. */
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

/** Returns the cursor's name in a URL, or guesses it: only Mercure 1.0 has the parameters `match` and `match_…`. */
function cursorNameOf(pairs: string[]): string {
  const names = pairs.map(nameOf);
  const guess = names.some((name) => /^match(_|$)/.test(name)) ? "last_event_id" : "lastEventID";
  return names.find((name) => cursorNames.includes(name)) ?? guess;
}
