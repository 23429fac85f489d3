import type { Request, Response } from "express";
import { isSameOrigin } from "../hub/http/request.js";
import { variantOf } from "../protocol/own-topics.js";
import { isGrant } from "../protocol/tokens/authz-cookies.js";
import type { Authorizer } from "../publisher/streams/authorizer.js";
import type { InternalGrants } from "../publisher/streams/internal-tokens.js";
import type { Tokens } from "../publisher/streams/tokens.js";
import type { AuthzCookies } from "./authz-cookies.js";
import { originOf } from "./response-pages.js";
import type { ResponseViewer } from "./response-viewer.js";

export interface RenewalOptions {
  readonly path: string;
  readonly tokens: Tokens;
  readonly authorizer: Authorizer;
  readonly cookies: AuthzCookies;
  /** The application's public origins, besides that of the request. */
  readonly origins: readonly string[];
  warn(message: string): void;
  /** Returns the topics to pass to the application's `authorize`. */
  topicsOf(granted: InternalGrants["subscribe"]): string[];
  readonly viewers: ResponseViewer;
}

/**
 * Renews the expired token of a stream if the application still grants its topics. The old token identifies the grant;
 * the application's session identifies the requester.
 */
export class Renewal {
  readonly #options: RenewalOptions;
  #hasWarned = false;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  isFor({ path }: Request): boolean {
    return path === this.#options.path;
  }

  async handle(req: Request, res: Response): Promise<void> {
    const { tokens, authorizer, cookies, topicsOf, viewers } = this.#options;
    res.set("Cache-Control", "no-store");
    if (req.method !== "POST") return void res.set("Allow", "POST").sendStatus(405);
    // Another site's page could otherwise use the visitor's session, although it could not read the response.
    if (!isSameOrigin(req, { own: [originOf(req), ...this.#options.origins] })) {
      this.#warnOnce(req);
      return void res.sendStatus(403);
    }
    const bearer = /^Bearer +(\S+)$/i.exec(req.get("Authorization") ?? "")?.[1];
    const grant = typeof req.query.grant === "string" && isGrant(req.query.grant) ? req.query.grant : "";
    const old = bearer ?? (grant === "" ? undefined : cookies.tokenOf(req, grant));
    const grants = old === undefined ? undefined : tokens.read(old);
    if (grants === undefined || !cookies.hasKeyTo(req, grants.cookieHash)) return void res.sendStatus(401);
    // A cookie-bound token must stay hidden from scripts.
    if (bearer !== undefined && grants.cookieHash !== undefined) return void res.sendStatus(401);
    // `authorize` only knows topics. Only the page can tell whether this is still the viewer's variant.
    if (grants.subscribe.some(({ text }) => variantOf(text) !== undefined)) return void res.sendStatus(401);
    const topics = topicsOf(grants.subscribe);
    if (!(await authorizer.authorize(req, topics, "renew"))) return void res.sendStatus(403);
    const { subscribe } = grants;
    const { payload, subject } = viewers.of(res, topics);
    const identity = { payload: grants.payload === undefined ? undefined : payload, subject };
    if (bearer !== undefined) return void res.json({ token: tokens.forSubscriber(subscribe, identity) });
    cookies.prune(res, grant);
    cookies.keep(res, grant, subscribe, (all, hash) => tokens.forSubscriber(all, { ...identity, cookieHash: hash }));
    res.sendStatus(204);
  }

  #warnOnce(req: Request): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#options.warn(
      `htmx-mercure: a stream got no new token: its page has the origin ${JSON.stringify(req.get("Origin") ?? "")} ` +
        `but the request names ${JSON.stringify(originOf(req))}. A proxy must pass the host with its port (in nginx: ` +
        'proxy_set_header Host $http_host), or X-Forwarded-Host with Express\'s "trust proxy"; or set publicHubUrl to an ' +
        "absolute URL.",
    );
  }
}
