import type { Request } from "express";
import { isSameOrigin } from "../hub/http/request.js";
import type { HttpProblem } from "../protocol/problem.js";
import { OldestFirstMap } from "../shared/oldest-first-map.js";
import { originOf } from "./response-pages.js";

/** The max number of refusals in memory. Strangers choose request headers, so the number must be bounded. */
const maxRemembered = 1000;

/** The max length of text from a request in a log line, in characters. */
const maxLength = 500;

/** Statuses that are not logged: 404 is a normal answer, and the hub itself reports 500. */
const silent: ReadonlySet<number> = new Set([404, 500]);

/** Warns developers once about each refusal of the hub to their own pages, since the pages do not show it. */
export class RefusalLog {
  readonly #origins: readonly string[];
  readonly #warn: (message: string) => void;
  readonly #remembered = new OldestFirstMap<string, true>();

  /** @param origins - The application's public origins, besides that of the request. */
  constructor(origins: readonly string[], warn: (message: string) => void) {
    this.#origins = origins;
    this.#warn = warn;
  }

  add(request: Request, { status, message }: HttpProblem): void {
    if (silent.has(status) || !isSameOrigin(request, { own: [originOf(request), ...this.#origins] })) return;
    const reason = printable(message);
    const { path, name } = pageOf(request);
    const key = JSON.stringify([path, status, reason]);
    if (this.#remembered.has(key)) return;
    this.#remembered.set(key, true);
    if (this.#remembered.size > maxRemembered) this.#remembered.shift();
    this.#warn(`htmx-mercure: the hub rejected a ${request.method} request from ${name} with ${status}: ${reason}`);
  }
}

/** Names a page by its `Referer`. With the policy `no-referrer`, helmet's default, browsers send the origin at most. */
function pageOf(request: Request): { path: string; name: string } {
  const { referer = "", origin = "" } = request.headers;
  if (isWebPage(referer)) {
    const url = new URL(referer);
    return { path: printable(url.origin + url.pathname), name: `the page ${printable(withoutToken(url))}` };
  }
  const known = [origin, originOf(request)].find(isWebPage);
  const host = known === undefined ? "the application" : printable(new URL(known).origin);
  return { path: host, name: `a page of ${host} (its Referrer-Policy hides the URL)` };
}

function isWebPage(url: string): boolean {
  return /^https?:/i.test(url) && URL.canParse(url);
}

function withoutToken({ origin, pathname, search, searchParams }: URL): string {
  const tokens = [...searchParams.keys()].filter((name) => name.toLowerCase() === "authorization");
  for (const name of tokens) searchParams.delete(name);
  const query = tokens.length === 0 ? search : `?${searchParams}`;
  return origin + pathname + (query === "?" ? "" : query);
}

/** Returns one line of bounded length, with control characters escaped. */
function printable(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (found) => `\\u{${found.codePointAt(0)!.toString(16)}}`);
  return line.length > maxLength ? `${line.slice(0, maxLength)}…` : line;
}
