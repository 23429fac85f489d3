import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type ActiveSubscription,
  selectorPath,
  subscriptionDocument,
  subscriptionPath,
  subscriptionsPath,
} from "../../protocol/active-subscription.js";
import { percentDecode } from "../../protocol/percent-encode.js";
import { HttpProblem, tokenMissing, tokenRefused } from "../../protocol/problem.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import { requestedSubscriptions, subscriptionsAnswer } from "../../protocol/subscription-api.js";
import type { Transport } from "../../transport/transport.js";
import type { Authenticator } from "../auth/authentication.js";
import { hubUrlOf, queryOf } from "../http/request.js";
import type { HubSettings } from "../options/hub-options.js";
import { newPace } from "../pacer.js";
import type { ActiveSubscriptions } from "../streams/active-subscriptions.js";
import { writeList } from "./subscription-list.js";

/** The resource at a URL of the web API. */
interface Resource {
  /** The path in its canonical spelling, as tokens grant it. */
  readonly path: string;
  /** Builds the document on demand; undefined when the subscription does not exist. */
  readonly document: () => object | undefined;
  /** Returns the subscriptions in the document, which are serialized one by one; undefined for one to leave out. */
  readonly list?: () => Iterable<ActiveSubscription | undefined>;
}

/** An empty list in a document. Quotation marks inside strings are escaped, so the match is always the property. */
const emptyList = '"subscriptions":[]';

/**
 * Answers GET and HEAD requests for active subscriptions. Each client gets the subscriptions of its token's version,
 * because URLs of the other version have another meaning for it. Mercure 0.x and 1.0 "Subscription API".
 */
export class SubscriptionsHandler {
  readonly #hubPath: string;
  /** Undefined if the hub does not know its origin. */
  readonly #hubUrl: string | undefined;
  readonly #authorize: HubSettings["authorize"];
  readonly #tokens: Authenticator;
  readonly #subscriptions: ActiveSubscriptions;
  readonly #transport: Transport;

  constructor(
    { publicPath, publicUrl, authorize }: Pick<HubSettings, "publicPath" | "publicUrl" | "authorize">,
    tokens: Authenticator,
    subscriptions: ActiveSubscriptions,
    transport: Transport,
  ) {
    this.#hubPath = publicPath;
    this.#hubUrl = publicUrl;
    this.#authorize = authorize;
    this.#tokens = tokens;
    this.#subscriptions = subscriptions;
    this.#transport = transport;
  }

  /**
   * @param below - The path below the hub's URL, as it was sent: `/subscriptions`, or a path that begins with
   * `/subscriptions/`.
   */
  async handle(req: IncomingMessage, res: ServerResponse, below: string): Promise<void> {
    const identity = await this.#tokens.identify(req, queryOf(req));
    if (identity === undefined) throw tokenMissing();
    const segments = segmentsOf(below);
    if (identity.fromCookie && !(await this.#mayRead(req, segments, identity.version))) {
      throw tokenRefused("insufficient_scope", "The application does not grant these subscriptions.");
    }
    const { path, document: documentOf, list } = this.#resource(segments, identity.version);
    if (!(await identity.grants.subscribe.matchesPaced(path, newPace()))) {
      throw tokenRefused("insufficient_scope", "The token does not grant these subscriptions.");
    }
    const document = documentOf();
    if (document === undefined) throw new HttpProblem(404, "The subscription was not found, or has ended.");
    // The cursor is older than the list. A client that resumes there gets the events of all later changes, whether or not
    // the list shows them.
    const { head } = this.#transport;
    const lastEventId = head === 0 ? "earliest" : this.#transport.cursor(head);
    const hubUrl = this.#hubUrl ?? hubUrlOf(req, below);
    const answer = subscriptionsAnswer(identity.version, document, lastEventId, hubUrl);
    const { contentType, link, body } = answer;
    const state = `${link}\n${body}\n${list === undefined ? "" : this.#subscriptions.version}`;
    const etag = `"${createHash("sha256").update(state).digest("base64url")}"`;
    const headers = {
      "Content-Type": contentType,
      // The answer is for the token's bearer only, and caches must revalidate it.
      "Cache-Control": "private, no-cache, must-revalidate",
      Vary: "Authorization, Cookie",
      ETag: etag,
      Link: link,
    };
    if (isKnown(req, etag)) {
      res.writeHead(304, headers).end();
      return;
    }
    if (req.method === "HEAD") {
      res.writeHead(200, headers).end();
      return;
    }
    const listAt = list === undefined ? body.length : body.indexOf(emptyList) + emptyList.length - 1;
    const items = this.#written(list?.() ?? []);
    await writeList(res, { headers, before: body.slice(0, listAt), after: body.slice(listAt), items });
  }

  /** Asks the application to confirm a cookie's grant: cookies outlive the permissions they stand for. */
  async #mayRead(req: IncomingMessage, segments: readonly string[], version: ProtocolVersion): Promise<boolean> {
    if (this.#authorize === undefined) return true;
    const selector = requestedSubscriptions(segments, version)?.selector;
    const path = selector === undefined ? subscriptionsPath(this.#hubPath) : selectorPath(this.#hubPath, selector);
    return (await this.#authorize(req, [path])) === true;
  }

  #resource(segments: readonly string[], version: ProtocolVersion): Resource {
    const requested = requestedSubscriptions(segments, version);
    if (requested === undefined) throw nothingHere();
    const { selector, subscriber } = requested;
    if (selector === undefined) {
      const path = subscriptionsPath(this.#hubPath);
      const list = () => ofVersion(this.#subscriptions.all(), version);
      return { path, document: () => collection(path, version), list };
    }
    if (subscriber === undefined) {
      const path = selectorPath(this.#hubPath, selector);
      return { path, document: () => collection(path, version), list: () => this.#subscriptions.of(selector) };
    }
    return {
      path: subscriptionPath(this.#hubPath, { selector, subscriber }),
      document: () => {
        const subscription = this.#subscriptions.find(selector, subscriber);
        return subscription && subscriptionDocument(this.#hubPath, subscription, true);
      },
    };
  }

  *#written(subscriptions: Iterable<ActiveSubscription | undefined>): Generator<string | undefined, void> {
    for (const each of subscriptions) {
      yield each && JSON.stringify(subscriptionDocument(this.#hubPath, each, true));
    }
  }
}

/** Replaces the subscriptions of the other version by undefined, so that the caller can count them as work. */
function* ofVersion(
  subscriptions: Iterable<ActiveSubscription>,
  version: ProtocolVersion,
): Generator<ActiveSubscription | undefined, void> {
  for (const each of subscriptions) {
    yield (each.selector.matchType === undefined) === (version === 0) ? each : undefined;
  }
}

/** Returns the document of a list, with the list still empty. */
function collection(id: string, version: ProtocolVersion): object {
  return { id, type: version === 0 ? "Subscriptions" : "subscriptions", subscriptions: [] };
}

/** Returns the decoded segments below `/subscriptions`. Slashes within them are percent-encoded. */
function segmentsOf(below: string): readonly string[] {
  const encoded = below.split("/").slice(2);
  const segments = encoded.map(percentDecode);
  const isReadable = segments.every((segment): segment is string => segment !== undefined && segment !== "");
  if (!isReadable) throw nothingHere();
  return segments;
}

function nothingHere(): HttpProblem {
  return new HttpProblem(404, "This URL was not found.");
}

/** Whether the client has this answer cached. RFC 9110, section 13.1.2: the comparison is weak. */
function isKnown(req: IncomingMessage, etag: string): boolean {
  const known = (req.headers["if-none-match"] ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return known.includes(etag) || known.includes("*");
}
