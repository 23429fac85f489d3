import type { OutgoingHttpHeader } from "node:http";
import type { Response } from "express";
import { MercureError } from "../shared/errors.js";

const sealed = new WeakSet<Response>();

/** Headers besides `Cache-Control` that let browsers, CDNs and proxies cache a response. */
const ofCaches =
  /^(?:etag|expires|last-modified|pragma|x-accel-expires|(?:[\w-]+-)?surrogate-control|[\w-]+-cache-control)$/i;

/**
 * Keeps a response out of shared caches. Later changes to its caching headers have no effect.
 *
 * @throws MercureError `ERR_TOKEN` if the head is already sent and lets caches keep the response.
 */
export function keepOutOfCaches(response: Response): void {
  if (!response.headersSent) {
    seal(response);
    return;
  }
  const ofCdns = response
    .getHeaderNames()
    .some((name) => name.endsWith("-cache-control") || name === "surrogate-control");
  const mayBeKept = ofCdns || !/\b(no-store|private)\b/i.test(response.get("Cache-Control") ?? "");
  // A rendering after the end of a response belongs to another response.
  if (!mayBeKept || response.writableEnded) return;
  throw new MercureError(
    "ERR_TOKEN",
    'A private stream needs a response that caches cannot store, but this response has begun: set the header "Cache-Control: ' +
      'private, no-store" before the response begins.',
  );
}

function seal(response: Response): void {
  if (sealed.has(response)) return;
  sealed.add(response);
  for (const name of response.getHeaderNames()) if (ofCaches.test(name)) response.removeHeader(name);
  response.setHeader("Cache-Control", "private, no-store");
  // After a 304 response the browser would show an older page, with an older token.
  for (const name of ["if-none-match", "if-modified-since"]) delete response.req.headers[name];
  const { setHeader, appendHeader, removeHeader, writeHead } = response;
  const isOpen = (name: string) => !ofCaches.test(name) && !/^cache-control$/i.test(name);
  response.setHeader = function (this: Response, name: string, value: Parameters<Response["setHeader"]>[1]) {
    return isOpen(String(name)) ? setHeader.call(this, name, value) : this;
  };
  response.appendHeader = function (this: Response, name: string, value: string | readonly string[]) {
    return isOpen(String(name)) ? appendHeader.call(this, name, value) : this;
  } as Response["appendHeader"];
  response.removeHeader = function (this: Response, name: string) {
    if (isOpen(String(name))) removeHeader.call(this, name);
  };
  response.writeHead = function (this: Response, status: number, ...rest: unknown[]) {
    const given = rest.map((each) => (typeof each === "object" && each !== null ? withoutCaches(each, isOpen) : each));
    return Reflect.apply(writeHead, this, [status, ...given]);
  } as Response["writeHead"];
}

/** Removes caching headers. Node accepts headers as an object, a list of pairs or a flat list. */
function withoutCaches(headers: object, isOpen: (name: string) => boolean): object {
  if (!Array.isArray(headers)) return Object.fromEntries(Object.entries(headers).filter(([name]) => isOpen(name)));
  const list = headers as (OutgoingHttpHeader | OutgoingHttpHeader[])[];
  if (Array.isArray(list[0])) return list.filter((pair) => isOpen(String((pair as unknown[])[0])));
  return list.filter((_each, index) => isOpen(String(list[index - (index % 2)])));
}
