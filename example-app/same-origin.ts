import type { RequestHandler } from "express";

const safe = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Rejects requests that the page of another site makes a visitor's browser send in the visitor's name. Browsers name
 * the origin of a request, and pages cannot forge it: in `Sec-Fetch-Site`, older ones in `Origin`. A client that sends
 * neither is not a browser, and has no visitor's cookies.
 */
export const sameOrigin: RequestHandler = (req, _res, next) => {
  if (safe.has(req.method) || isOwn(req.get("Sec-Fetch-Site"), req.get("Origin"), req.host)) next();
  else next(Object.assign(new Error("A request from another site."), { status: 403 }));
};

function isOwn(site: string | undefined, origin: string | undefined, host: string | undefined): boolean {
  // A subdomain is another site, because it can have another owner.
  if (site !== undefined) return site === "same-origin" || site === "none";
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}
