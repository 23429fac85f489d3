import type { IncomingMessage } from "node:http";
import { parseForm } from "../../protocol/form.js";
import { Refusal } from "../../protocol/problem.js";

/** What Express adds to a request. */
interface MountedRequest {
  /** The part of the path at which the handler is mounted, which Express has taken off `url`. */
  readonly baseUrl?: unknown;
  /** The path as it was before any handler was mounted. */
  readonly originalUrl?: unknown;
}

/**
 * Where a request is for, from the hub's URL on, mounted by Express at any path or serving alone: the empty string for
 * that URL itself, such as `/subscriptions` for what is below it, undefined for all else. As it was sent, but for a
 * slash at its end.
 */
export function pathFromHub(req: IncomingMessage & MountedRequest, hubPath: string): string | undefined {
  const path = pathOf(req.url);
  if (path === hubPath) return "";
  if (path.startsWith(hubPath) && path[hubPath.length] === "/") return path.slice(hubPath.length);
  return typeof req.baseUrl === "string" && req.baseUrl.endsWith(hubPath) ? path : undefined;
}

/**
 * The path of a request target, without its query. The target can be a whole URL, as clients send it to a proxy: servers
 * must accept it, and its host says nothing about the path. RFC 9112, section 3.2.2.
 */
export function targetPath(target = ""): string {
  const [path] = target.split("?", 1) as [string];
  if (path.startsWith("/")) return path;
  const [authority] = /^https?:\/\/[^/]*/i.exec(path) ?? [];
  return authority === undefined ? path : path.slice(authority.length) || "/";
}

/** The path of the hub's URL as the client sees it, of a request below it. */
export function hubUrlOf(req: IncomingMessage & MountedRequest, below: string): string {
  return pathOf((req.originalUrl as string | undefined) ?? req.url).slice(0, -below.length);
}

function pathOf(target: string | undefined): string {
  const path = targetPath(target);
  return path.endsWith("/") ? path.slice(0, -1) : path;
}

/** The parameters of a request's query. */
export function queryOf(req: IncomingMessage): URLSearchParams {
  const url = req.url ?? "";
  const mark = url.indexOf("?");
  const query = parseForm(mark < 0 ? "" : url.slice(mark + 1));
  if (query === undefined) throw new Refusal(400, "The query is not valid UTF-8.");
  return query;
}

/** A header's value as text. Node hands out the bytes as Latin-1, while clients send UTF-8. */
export function textHeader(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return typeof value === "string" ? Buffer.from(value, "latin1").toString() : undefined;
}

/** The cookies of a request, names and values, as they come. RFC 6265, section 4.2. */
export function cookiesOf(req: IncomingMessage): [name: string, value: string][] {
  if (req.headers.cookie === undefined) return [];
  return req.headers.cookie.split(";").flatMap((cookie): [string, string][] => {
    const equals = cookie.indexOf("=");
    if (equals < 0) return [];
    const value = cookie.slice(equals + 1).trim();
    return [[cookie.slice(0, equals).trim(), value.replace(/^"(.*)"$/, "$1")]];
  });
}

/**
 * Whether a browser sent this request from a page of the same origin, which a page of another origin cannot feign.
 * `Sec-Fetch-Site` decides where it is sent: behind a proxy that changes the host it still tells, and a page of the same
 * host by another scheme has the host too. `none` is for requests of no page.
 *
 * @param others - Origins that are as good as the same.
 */
export function isSameOrigin(req: IncomingMessage, others: readonly string[] = []): boolean {
  const site = req.headers["sec-fetch-site"];
  if (site === "same-origin") return true;
  const source = req.headers.origin ?? req.headers.referer ?? "";
  const host = req.headers.host ?? req.headers[":authority"];
  if (!URL.canParse(source)) return false;
  const url = new URL(source);
  if (others.includes(url.origin)) return true;
  return (site === undefined || site === "none") && url.host === host;
}
