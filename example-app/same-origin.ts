import type { RequestHandler } from "express";

const safe = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Refuses what the page of another site makes a visitor's browser do in the visitor's name. Browsers say where a request
 * comes from, and pages cannot make them lie: by `Sec-Fetch-Site`, older ones by `Origin`. What says neither is no
 * browser, and has no visitor's cookies.
 */
export const sameOrigin: RequestHandler = (req, _res, next) => {
  if (safe.has(req.method) || isOwn(req.get("Sec-Fetch-Site"), req.get("Origin"), req.host)) next();
  else next(Object.assign(new Error("A request from another site."), { status: 403 }));
};

function isOwn(site: string | undefined, origin: string | undefined, host: string | undefined): boolean {
  // A site in a subdomain is another one: it may be somebody else's.
  if (site !== undefined) return site === "same-origin" || site === "none";
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}
