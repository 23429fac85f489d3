// Runs every public function on responses in each state that a handler can find. Each use works, or its caller gets an
// error with a code; the process continues, and nothing stays registered.

import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import compression from "compression";
import type { NextFunction, Request, RequestHandler, Response } from "express";
import { Hub } from "../../src/hub/index.js";
import type { MercureOptions } from "../../src/index.js";
import { MemoryTransport } from "../../src/transport/memory/memory.js";
import { type Application, application } from "../support/application.js";
import { isQuick } from "../support/depth.js";
import { fatalErrors } from "../support/fatal-errors.js";
import { type Visit, visit } from "../support/http-client.js";
import { files, type Kind, ownRequests, publicFunctions, type Use, uses } from "../support/public-functions.js";
import { untilSoon } from "../support/until.js";

/** The outcomes by the kind of a use; `own` is for requests that the library answers itself. */
type Outcomes = Partial<Record<Kind | "own", string>>;

interface State {
  /** Brings a response into the state. */
  readonly spoil?: (res: Response) => void;
  /** Whether the client leaves before the handler runs. */
  readonly leaves?: boolean;
  readonly http?: 1 | 2;
  readonly middleware?: RequestHandler;
  /** Whether the logger, the observer and all listeners throw. */
  readonly throws?: boolean;
  readonly tokenMode?: "url" | "cookie";
  /** Whether a run outside CI, which tries each kind of state once, leaves it out. */
  readonly isVariant?: boolean;
  /** The outcomes other than `works`. */
  readonly outcomes?: Outcomes;
}

const works = "works";

const begun: Outcomes = {
  answers: "ERR_HTTP_HEADERS_SENT",
  streams: "ERR_RESPONSE",
  alone: "logs ERR_RESPONSE",
  cookies: "ERR_TOKEN",
  renders: "ERR_TOKEN",
  tokens: "ERR_TOKEN",
  own: "ERR_RESPONSE",
};

const end = (res: Response) => void res.end("no");
const begin = (res: Response) => void res.write("no");

const begunOverHttp2: Outcomes = { ...begun, answers: "ERR_HTTP2_HEADERS_SENT" };

const states: Readonly<Record<string, State>> = {
  "is untouched": {},
  "is untouched, with tokens in cookies": { tokenMode: "cookie" },
  "has ended": { spoil: end, outcomes: { ...begun, tokens: works, renders: works } },
  "has ended, with tokens in cookies": {
    isVariant: true,
    spoil: end,
    tokenMode: "cookie",
    outcomes: { ...begun, tokens: works },
  },
  "has begun": { spoil: begin, outcomes: begun },
  "has begun, with tokens in cookies": { isVariant: true, spoil: begin, tokenMode: "cookie", outcomes: begun },
  "has sent its head": { isVariant: true, spoil: (res) => res.flushHeaders(), outcomes: begun },
  "was left by its client": { leaves: true },
  "is one of HTTP/2": { http: 2 },
  "has ended over HTTP/2": {
    isVariant: true,
    http: 2,
    spoil: end,
    outcomes: { ...begunOverHttp2, tokens: works, renders: works },
  },
  "has begun over HTTP/2": { isVariant: true, http: 2, spoil: begin, outcomes: begunOverHttp2 },
  "was left by its client over HTTP/2": { isVariant: true, http: 2, leaves: true },
  "is piped through compression": { middleware: compression() },
  "has begun in compression": { isVariant: true, middleware: compression(), spoil: begin, outcomes: begun },
  "meets loggers and observers that throw": { throws: true },
  "has begun, with loggers and observers that throw": { isVariant: true, throws: true, spoil: begin, outcomes: begun },
};

const fail = () => {
  throw new Error("no disk");
};

/** An application whose handlers and middleware meet responses in one state. */
interface Ground {
  readonly running: Application;
  readonly origin: string;
  /** Sends a request to a use, or to a path that the library answers. Resolves to the outcome, once it can be known. */
  run(name: string, expected: string): Promise<string>;
}

function sends({ kind }: Use): boolean {
  return ["answers", "parts", "streams", "alone"].includes(kind);
}

/** The lines on the console, which receives those of a logger that throws. */
type Complaints = ReturnType<typeof silenced>;

function silenced(t: TestContext) {
  return t.mock.method(console, "error", () => {});
}

async function ground(t: TestContext, state: State, complaints: Complaints): Promise<Ground> {
  const { http = 1, tokenMode = "url", spoil, leaves = false, middleware, throws = false } = state;
  const options: MercureOptions = {
    tokenMode,
    authorize: () => true,
    subjectGetter: () => "7",
    payloadGetter: () => ({ id: 7 }),
    presenceGrace: 0,
    // A place that a failed stream keeps would refuse the next one.
    hub: { keepaliveInterval: 0, maxConnections: 1, allowPublish: true },
    ...(throws && { logger: { warn: fail, error: fail } }),
  };
  let client: Visit | undefined;
  let failure: unknown;
  let hasReturned = false;
  /** Brings the response of a request into the state. */
  const spoiler: RequestHandler = (_req, res, next) => {
    spoil?.(res);
    if (!leaves) return next();
    res.once("close", () => setImmediate(next));
    client!.leave();
  };
  const running = application(t, files, options, {
    http,
    before: (app) => {
      if (middleware) app.use(middleware);
      app.use((req, res, next) => (req.get("X-Spoil") === undefined ? next() : spoiler(req, res, next)));
    },
  });
  const { app, kit, errors } = running;
  const lone = new Hub({
    transport: new MemoryTransport(),
    keepaliveInterval: 0,
    maxConnections: 1,
    logger: { warn: throws ? fail : () => {}, error: throws ? fail : (...report) => void errors.push(report) },
    observer: throws
      ? { subscribed: fail, unsubscribed: fail, published: fail }
      : { subscribed() {}, unsubscribed() {}, published() {} },
  });
  t.after(() => lone.close());
  if (throws) for (const hub of [kit.hub, lone]) hub.onSubscription(fail);
  app.get("/page", (_req, res) => res.render("page"));
  app.get("/use/:name", spoiler, async (req, res, next) => {
    const use = uses[req.params.name as string]!;
    await use.call({ running, lone, req, res, next });
    hasReturned = true;
    if (!res.headersSent && !sends(use)) res.send("done");
  });
  app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    failure = error;
    res.destroy();
  });
  const origin = await running.listen();

  const outcome = () => {
    if (failure !== undefined) return String((failure as { code?: unknown }).code ?? failure);
    const logged = [...errors.flat(), ...complaints.mock.calls.flatMap(({ arguments: said }) => said)];
    const code = logged.map((each) => (each as { code?: string }).code).find((each) => each !== undefined);
    if (code !== undefined) return `logs ${code}`;
    const status = client?.status ?? 200;
    return status < 400 ? works : `status ${status}`;
  };
  return {
    running,
    origin,
    async run(name, expected) {
      [failure, hasReturned] = [undefined, false];
      errors.length = 0;
      complaints.mock.resetCalls();
      const use = uses[name];
      const own = ownRequests[name]?.(kit);
      client = own
        ? visit(http, `${origin}${own.path}`, { ...own, headers: { ...own.headers, "X-Spoil": "1" } })
        : visit(http, `${origin}/use/${encodeURIComponent(name)}`);
      const isOpen = () => kit.hub.connections + lone.connections === 1;
      const isSent = () => client!.isOver || isOpen() || (hasReturned && use && !sends(use));
      await untilSoon(() => outcome() !== works || (expected === works && isSent()));
      // An error can follow an answer within some turns of the event loop.
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
      client.leave();
      await untilSoon(() => [kit.hub, lone].every((hub) => hub.connections === 0));
      for (const hub of [kit.hub, lone]) assert.deepEqual(hub.subscriptions(), [], name);
      return outcome();
    },
  };
}

/** Checks that pages and streams still work. */
async function checkNext({ running: { kit }, origin }: Ground, http: 1 | 2): Promise<void> {
  const page = visit(http, `${origin}/page`);
  await untilSoon(() => page.isOver);
  assert.equal(page.status, 200);
  const stream = visit(http, `${origin}${kit.hub.path}?topic=t`);
  await untilSoon(() => kit.hub.connections === 1);
  await kit.sse.publish("t", "next");
  await untilSoon(() => stream.text.includes("data: next"));
  stream.leave();
  await untilSoon(() => kit.hub.connections === 0);
}

describe("every public function", () => {
  test("has a use in the table", (t) => {
    const known = new Set(Object.keys(uses).map((name) => name.replace(/ \(.*/, "")));
    assert.deepEqual(publicFunctions(application(t, files)).sort(), [...known].sort());
  });

  const tried = Object.entries(states).filter(([, { isVariant = false }]) => !(isQuick && isVariant));
  for (const [name, state] of tried) {
    test(`works or passes an error on, where the response ${name}`, async (t) => {
      const fatal = fatalErrors(t);
      const complaints = silenced(t);
      const shared = await ground(t, state, complaints);
      const check = async ({ run }: Ground, name: string, kind: keyof Outcomes) => {
        const expected = state.outcomes?.[kind] ?? works;
        assert.equal(await run(name, expected), expected, name);
        assert.deepEqual(fatal, [], name);
      };
      for (const [use, { kind, closes = false }] of Object.entries(uses)) {
        await check(closes ? await ground(t, state, complaints) : shared, use, kind);
      }
      for (const request of Object.keys(ownRequests)) await check(shared, request, "own");
      await checkNext(shared, state.http ?? 1);
    });
  }
});
