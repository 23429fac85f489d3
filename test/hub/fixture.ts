import { createServer, type IncomingHttpHeaders, request } from "node:http";
import type { Socket } from "node:net";
import type { TestContext } from "node:test";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { type JWTPayload, SignJWT } from "jose";
import { Hub, type HubOptions } from "../../src/hub/index.js";
import type { Draft } from "../../src/protocol/update.js";
import type { Clock } from "../../src/shared/clock.js";
import { MemoryTransport } from "../../src/transport/memory/memory.js";
import type {
  Replay,
  ReplayQuery,
  Transport,
  TransportListener,
  TransportState,
} from "../../src/transport/transport.js";
import { listening } from "../support/listening.js";

export const subscriberKey = "subscriber-key-subscriber-key-32";
export const publisherKey = "publisher-key-publisher-key-32-b";

export interface RunningHub {
  readonly hub: Hub;
  readonly transport: Transport;
  readonly origin: string;
  /** The URL to subscribe to topics. */
  readonly url: (topics: string | string[], parameters?: Record<string, string>) => string;
  /** The server's side of the first hundred connections, in order of arrival. */
  readonly sockets: readonly Socket[];
  /** The events that the hub reported to its observer. */
  readonly errors: unknown[];
}

type Options = Partial<Omit<HubOptions, "transport">> & { readonly transport?: Transport | undefined };

/** A hub with its own server, on a port that the system chooses. */
export async function startHub(
  t: Pick<TestContext, "after">,
  options: Options = {},
  clock?: Clock,
): Promise<RunningHub> {
  const errors: unknown[] = [];
  const transport = options.transport ?? new MemoryTransport();
  const logger = { warn: () => {}, error: (_message: string, error: unknown) => void errors.push(error) };
  const hub = new Hub({ transport, subscriberKey, publisherKey, keepaliveInterval: 0, logger, ...options }, clock);
  const server = createServer(hub.handle);
  const sockets: Socket[] = [];
  server.on("connection", (socket) => {
    if (sockets.length < 100) sockets.push(socket);
  });
  t.after(() => hub.close());
  const origin = await listening(t, server);
  const url = (topics: string | string[], parameters: Record<string, string> = {}) => {
    const query = [topics].flat().map((topic) => ["topic", topic] as [string, string]);
    return `${origin}${hub.path}?${new URLSearchParams([...query, ...Object.entries(parameters)])}`;
  };
  return { hub, transport, origin, url, sockets, errors };
}

export function draft(topics: string | string[], data = "", fields: Partial<Draft> = {}): Draft {
  return { topics: [topics].flat(), data, private: false, ...fields };
}

/** A token as an application issues it. */
export function token(mercure: unknown, claims: JWTPayload = {}, key = subscriberKey, alg = "HS256"): Promise<string> {
  const payload = mercure === undefined ? claims : { mercure, ...claims };
  return new SignJWT(payload).setProtectedHeader({ alg }).sign(new TextEncoder().encode(key));
}

export const issuer = "https://app.example";
export const resource = "https://hub.example/.well-known/mercure";

/** A token of Mercure 1.0 as an issuer makes it, for the hub with these options. */
export function accessToken(claims: JWTPayload, header: object = {}, key = subscriberKey): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const usual = { iss: issuer, aud: resource, sub: "7", client_id: issuer, iat: now, exp: now + 600, jti: "1" };
  return new SignJWT({ ...usual, ...claims })
    .setProtectedHeader({ alg: "HS256", typ: "at+jwt", ...header })
    .sign(new TextEncoder().encode(key));
}

/** A subscriber that records every byte, and parses it with an independent parser. */
export interface Subscriber {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly events: EventSourceMessage[];
  readonly comments: string[];
  readonly ended: boolean;
  /** The data of the events so far. */
  readonly data: string[];
  /** Resolves when the condition holds, and checks it at each arrival; rejects when the stream ends before. */
  until(condition: (subscriber: Subscriber) => boolean): Promise<void>;
  /** Stops reading from the network, as a hanging client does. */
  pause(): void;
  resume(): void;
  close(): void;
}

export function subscribe(
  t: Pick<TestContext, "after">,
  url: string,
  headers: Record<string, string> = {},
  method = "GET",
  body = "",
): Promise<Subscriber> {
  return new Promise((resolve, reject) => {
    const req = request(url, { headers, method, agent: false });
    t.after(() => req.destroy());
    req.on("error", reject);
    req.on("response", (res) => {
      const waiting = new Set<() => void>();
      const look = () => {
        for (const check of waiting) check();
      };
      const parser = createParser({
        onEvent: (event) => subscriber.events.push(event),
        onComment: (comment) => subscriber.comments.push(comment),
      });
      let ended = false;
      const subscriber: Subscriber = {
        status: res.statusCode!,
        headers: res.headers,
        events: [],
        comments: [],
        get ended() {
          return ended;
        },
        get data() {
          return subscriber.events.map(({ data }) => data);
        },
        until: (condition) =>
          new Promise((done, fail) => {
            const check = () => {
              if (condition(subscriber)) done();
              else if (ended) fail(new Error(`ended after ${subscriber.events.length} events`));
              else return;
              waiting.delete(check);
            };
            waiting.add(check);
            check();
          }),
        pause: () => res.pause(),
        resume: () => res.resume(),
        close: () => req.destroy(),
      };
      res.setEncoding("utf8");
      res.on("data", (text: string) => {
        parser.feed(text);
        look();
      });
      res.on("error", () => {});
      res.on("close", () => {
        ended = true;
        look();
      });
      resolve(subscriber);
    });
    req.end(body);
  });
}

export { untilTurn as until } from "../support/until.js";

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A transport with a network's delay: each operation takes several turns of the event loop. */
export class RemoteTransport extends MemoryTransport {
  override read(query: ReplayQuery): Replay {
    const late = Promise.resolve(super.read(query)).then(async (replay) => {
      for (let i = 0; i < 3; i++) await turn();
      return replay;
    });
    return late as unknown as Replay;
  }

  override positionOf(id: string): number | undefined {
    return turn().then(() => super.positionOf(id)) as unknown as undefined;
  }
}

/** A node that hears nothing for a while, and then learns of its gap. */
export class Deaf extends MemoryTransport {
  isDeaf = false;
  readonly #gaps: ((through: number) => void)[] = [];

  override listen({ update, gap }: TransportListener): () => void {
    if (gap !== undefined) this.#gaps.push(gap);
    return super.listen({ update: (stored) => void (this.isDeaf || update(stored)) });
  }

  catchUp(): void {
    this.isDeaf = false;
    for (const gap of this.#gaps) gap(this.head);
  }
}

/** A transport whose store is unreachable at first, and again on request. */
export class Distant extends MemoryTransport {
  reached: TransportState = "starting";
  #isReady = () => {};
  override readonly ready = new Promise<void>((resolve) => {
    this.#isReady = resolve;
  });

  override get state(): TransportState {
    return this.reached;
  }

  reach(): void {
    this.reached = "ready";
    this.#isReady();
  }
}
