import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type ActiveSubscription,
  jsonLdContext,
  selectorPath,
  subscriptionDocument,
  subscriptionPath,
  subscriptionsPath,
} from "../protocol/active-subscription.js";
import { percentDecode } from "../protocol/percent-encode.js";
import { Refusal, tokenMissing, tokenRefused } from "../protocol/problem.js";
import type { Transport } from "../transport/transport.js";
import type { ActiveSubscriptions } from "./active-subscriptions.js";
import type { Authenticator } from "./authentication.js";
import { hubUrlOf, queryOf } from "./request.js";

/** What a URL of the web API stands for. */
interface Resource {
  /** The URL in the one spelling in which tokens grant it. */
  readonly path: string;
  /** Undefined when there is no such subscription. */
  readonly document: object | undefined;
}

/** Answers GET and HEAD requests for active subscriptions. Mercure 0.x "Subscription API". */
export class SubscriptionsHandler {
  readonly #hubPath: string;
  readonly #tokens: Authenticator;
  readonly #subscriptions: ActiveSubscriptions;
  readonly #transport: Transport;

  constructor(hubPath: string, tokens: Authenticator, subscriptions: ActiveSubscriptions, transport: Transport) {
    this.#hubPath = hubPath;
    this.#tokens = tokens;
    this.#subscriptions = subscriptions;
    this.#transport = transport;
  }

  /** @param below - The path below the hub's URL, as it was sent: `/subscriptions`, or what follows it. */
  async handle(req: IncomingMessage, res: ServerResponse, below: string): Promise<void> {
    const identity = await this.#tokens.identify(req, queryOf(req));
    if (identity === undefined) throw tokenMissing();
    // Nothing of what follows waits, so that the list and the cursor belong together.
    const { path, document } = this.#resource(segmentsOf(below));
    if (!identity.grants.subscribe.matches(path)) {
      throw tokenRefused("insufficient_scope", "The token does not grant these subscriptions.");
    }
    if (document === undefined) throw new Refusal(404, "There is no such subscription now.");

    const { head } = this.#transport;
    const lastEventID = head === 0 ? "earliest" : this.#transport.cursor(head);
    const body = JSON.stringify({ "@context": jsonLdContext, ...document, lastEventID });
    const etag = `"${createHash("sha256").update(body).digest("base64url")}"`;
    const headers = {
      "Content-Type": "application/ld+json",
      // What a token has opened is for its bearer alone, and never to be shown again unasked.
      "Cache-Control": "private, no-cache, must-revalidate",
      Vary: "Authorization, Cookie",
      ETag: etag,
      Link: `<${hubUrlOf(req, below)}>; rel="mercure"`,
    };
    if (isKnown(req, etag)) {
      res.writeHead(304, headers).end();
      return;
    }
    res.writeHead(200, { ...headers, "Content-Length": Buffer.byteLength(body) });
    res.end(req.method === "HEAD" ? "" : body);
  }

  #resource(segments: readonly string[]): Resource {
    const [text, subscriber] = segments;
    if (text === undefined) {
      const path = subscriptionsPath(this.#hubPath);
      // Those who speak 1.0 have other URLs, which a reader of 0.x could not make sense of.
      const all = this.#subscriptions.all().filter(({ selector }) => selector.matchType === undefined);
      return { path, document: this.#collection(path, all) };
    }
    const selector = { text };
    if (subscriber === undefined) {
      const path = selectorPath(this.#hubPath, selector);
      return { path, document: this.#collection(path, this.#subscriptions.of(selector)) };
    }
    const subscription = this.#subscriptions.find(selector, subscriber);
    return {
      path: subscriptionPath(this.#hubPath, { selector, subscriber }),
      document: subscription && subscriptionDocument(this.#hubPath, subscription, true),
    };
  }

  #collection(id: string, subscriptions: readonly ActiveSubscription[]): object {
    return {
      id,
      type: "Subscriptions",
      subscriptions: subscriptions.map((each) => subscriptionDocument(this.#hubPath, each, true)),
    };
  }
}

/** The segments below `/subscriptions`, decoded. Slashes within them are percent-encoded, so this is the only reading. */
function segmentsOf(below: string): readonly string[] {
  const encoded = below.split("/").slice(2);
  const segments = encoded.map(percentDecode);
  const isReadable = segments.every((segment): segment is string => segment !== undefined && segment !== "");
  if (!isReadable || segments.length > 2) throw new Refusal(404, "There is nothing at this URL.");
  return segments;
}

/** Whether the client has this answer already. RFC 9110, section 13.1.2: the comparison is weak. */
function isKnown(req: IncomingMessage, etag: string): boolean {
  const known = (req.headers["if-none-match"] ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return known.includes(etag) || known.includes("*");
}
