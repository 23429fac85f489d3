import type { Request, Response } from "express";
import { readForm } from "../hub/http/form-body.js";
import { isSameOrigin } from "../hub/http/request.js";
import { admitsEventStream } from "../hub/streams/pipelining.js";
import { StreamBundle } from "../hub/streams/stream-bundle.js";
import type { AuthzCookies } from "./authz-cookies.js";
import type { EmbeddedHub } from "./embedded-hub.js";
import { originOf } from "./response-pages.js";

/** The path below the hub's, and the max number and bytes of streams in a request. The client knows the same bounds. */
export const sharedPath = "/streams";
const maxStreams = 128;
const maxBytes = 128 * 1024;

export interface SharedStreamsOptions {
  readonly embedded: EmbeddedHub;
  readonly cookies: AuthzCookies;
  /** The application's public origins, besides that of the request. */
  readonly origins: readonly string[];
  /** The interval of the hub's comments, in seconds. */
  readonly keepaliveInterval: number;
}

/**
 * Answers several streams of a browser on one connection. Each stream is a request to the hub with its own token and
 * its own position, so the connection has no other rights.
 */
export class SharedStreams {
  readonly #options: SharedStreamsOptions;

  constructor(options: SharedStreamsOptions) {
    this.#options = options;
  }

  isFor({ path }: Request): boolean {
    return path === this.#options.embedded.hub.path + sharedPath;
  }

  async handle(req: Request, res: Response): Promise<void> {
    const { embedded, cookies, origins, keepaliveInterval } = this.#options;
    res.set("Cache-Control", "no-store");
    if (req.method !== "POST") return void res.set("Allow", "POST").sendStatus(405);
    // A form of another site could otherwise open streams with the visitor's cookies.
    if (!isSameOrigin(req, { own: [originOf(req), ...origins] })) return void res.sendStatus(403);
    const form = await readForm(req, maxBytes).catch(() => undefined);
    const [queries = [], tokens = [], positions = []] = ["query", "token", "position"].map((name) =>
      form?.getAll(name),
    );
    const count = queries.length;
    const isWhole = tokens.length === count && positions.length === count;
    const isClean = [...queries, ...tokens].every((text) => /^[!-~]*$/.test(text)) && !positions.some(hasControls);
    // Behind another answer on its connection, a stream could send nothing.
    if (count === 0 || count > maxStreams || !isWhole || !isClean || res.socket === null) {
      // Node never reads the rest of a body that is too long.
      if (req.httpVersionMajor === 1) res.set("Connection", "close");
      return void res.sendStatus(400);
    }
    if (!admitsEventStream(res)) return;
    const bundle = new StreamBundle(res, keepaliveInterval);
    for (const [number, query] of queries.entries()) {
      const part = partOf(req, `${embedded.hub.path}?${query}`, tokens[number]!, positions[number]!);
      cookies.keepFromOthers(part);
      embedded.hub.handle(part, bundle.add(number));
    }
  }
}

/** Whether a text has characters that no header can have. */
function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

/** Returns the request that the browser would send for one stream alone. */
function partOf(req: Request, url: string, token: string, position: string): Request {
  const headers: Request["headers"] = { ...req.headers, "last-event-id": Buffer.from(position).toString("latin1") };
  delete headers["content-type"];
  delete headers["content-length"];
  if (token !== "") headers.authorization = `Bearer ${token}`;
  const values = { method: "GET", url, originalUrl: url, headers };
  return Object.create(
    req,
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value, writable: true }])),
  ) as Request;
}
