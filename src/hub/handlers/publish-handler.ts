import type { IncomingMessage, ServerResponse } from "node:http";
import { HttpProblem, tokenMissing, tokenRefused } from "../../protocol/problem.js";
import type { Grants } from "../../protocol/tokens/grants.js";
import type { Authenticator } from "../auth/authentication.js";
import { isSameOrigin, queryOf } from "../http/request.js";
import type { HubSettings } from "../options/hub-options.js";
import { newPace } from "../pacer.js";
import { type PublishLimits, requestedDraft } from "./publication-request.js";
import type { Publications } from "./publications.js";

/** The headers of the answer, which must not be cached: the request's URL may hold the token. */
const answerHeaders = { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "private, no-store" };

/** Answers POST requests that publish. Mercure "Publication". */
export class PublishHandler {
  readonly #tokens: Authenticator;
  readonly #limits: PublishLimits;
  readonly #origins: readonly string[];
  readonly #publications: Publications;

  constructor(
    tokens: Authenticator,
    { publishLimits, publishOrigins }: Pick<HubSettings, "publishLimits" | "publishOrigins">,
    publications: Publications,
  ) {
    this.#tokens = tokens;
    this.#limits = publishLimits;
    this.#origins = publishOrigins;
    this.#publications = publications;
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    // The hub reads no body for clients that may not publish.
    const identity = await this.#tokens.identify(req, queryOf(req));
    if (identity === undefined) throw tokenMissing();
    if (identity.fromCookie && !isSameOrigin(req, { listed: this.#origins })) {
      throw new HttpProblem(
        403,
        "A token in a cookie can publish only from pages of the hub's origin or an allowed one.",
      );
    }
    const draft = await requestedDraft(req, this.#limits);
    if (!(await mayPublish(identity.grants, draft.topics))) {
      throw tokenRefused("insufficient_scope", "The token does not grant publishing to all of these topics.");
    }
    const { id } = await this.#publications.publish(draft);
    // A Content-Length avoids chunked encoding.
    res.writeHead(200, { ...answerHeaders, "Content-Length": Buffer.byteLength(id) }).end(id);
  }
}

/** Whether a token grants all topics. Matching patterns against many long topics yields to other work. */
async function mayPublish({ publish }: Grants, topics: readonly string[]): Promise<boolean> {
  if (publish.cost === 0) return publish.matchesEvery(topics);
  const pace = newPace();
  for (const topic of topics) if (!(await publish.matchesPaced(topic, pace))) return false;
  return true;
}
