import type { IncomingMessage } from "node:http";
import { parseForm } from "../../protocol/form.js";
import { HttpProblem } from "../../protocol/problem.js";

/** The properties that Express adds to a request. */
interface MountedRequest {
  /** The mount path of the handler, which Express has removed from `url`. */
  readonly baseUrl?: unknown;
  /** The request target as it was sent, with all mount paths. */
  readonly originalUrl?: unknown;
}

/**
 * Returns the path of a request relative to the hub's URL. It is the empty string for that URL itself, a path such as
 * `/subscriptions` for one below it, and undefined for all others. The hub can be mounted by Express at any path or
 * serve alone. The path stays as it was sent, except that a slash at its end is removed.
 */
export function pathFromHub(req: IncomingMessage & MountedRequest, hubPath: string): string | undefined {
  const path = pathOf(req.url);
  if (path === hubPath) return "";
  if (path.startsWith(hubPath) && path[hubPath.length] === "/") return path.slice(hubPath.length);
  return typeof req.baseUrl === "string" && req.baseUrl.endsWith(hubPath) ? path : undefined;
}

/**
 * Returns the path of a request target, without its query. Servers must accept a target that is a whole URL, as clients
 * send it to a proxy. Its host is ignored. RFC 9112, section 3.2.2.
 */
export function targetPath(target = ""): string {
  const [path] = target.split("?", 1) as [string];
  if (path.startsWith("/")) return path;
  const [authority] = /^https?:\/\/[^/]*/i.exec(path) ?? [];
  return authority === undefined ? path : path.slice(authority.length) || "/";
}

/** Returns the path of the hub's URL as the client sees it, from a request below it. */
export function hubUrlOf(req: IncomingMessage & MountedRequest, below: string): string {
  return pathOf((req.originalUrl as string | undefined) ?? req.url).slice(0, -below.length);
}

function pathOf(target: string | undefined): string {
  const path = targetPath(target);
  return path.endsWith("/") ? path.slice(0, -1) : path;
}

/** Returns the parameters of a request's query. */
export function queryOf(req: IncomingMessage): URLSearchParams {
  const url = req.url ?? "";
  const mark = url.indexOf("?");
  const query = parseForm(mark < 0 ? "" : url.slice(mark + 1));
  if (query === undefined) throw new HttpProblem(400, "The query is not valid UTF-8.");
  return query;
}

/** Returns a header's value as text. Node decodes headers as Latin-1, while clients send UTF-8. */
export function textHeader(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return typeof value === "string" ? Buffer.from(value, "latin1").toString() : undefined;
}

/** Returns the names and values of a request's cookies, in the order sent. RFC 6265, section 4.2. */
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
 * Whether a browser sent this request from a page of the same origin. Pages of other origins cannot forge this.
 * `Sec-Fetch-Site` takes precedence over the host: it survives proxies that change the host, and it distinguishes two
 * schemes of the same host. Its value `none` marks requests without a page.
 *
 * @param own - Origins of the site itself, which count as the request's host does.
 * @param listed - Origins of other sites that are treated as the same.
 */
export function isSameOrigin(
  req: IncomingMessage,
  { own = [], listed = [] }: { readonly own?: readonly string[]; readonly listed?: readonly string[] },
): boolean {
  const site = req.headers["sec-fetch-site"];
  if (site === "same-origin") return true;
  const source = req.headers.origin ?? req.headers.referer ?? "";
  const host = req.headers.host ?? req.headers[":authority"];
  if (!URL.canParse(source)) return false;
  const url = new URL(source);
  if (listed.includes(url.origin)) return true;
  return (site === undefined || site === "none") && (url.host === host || own.includes(url.origin));
}

export function isRead({ method }: IncomingMessage): boolean {
  return method === "GET" || method === "HEAD";
}
