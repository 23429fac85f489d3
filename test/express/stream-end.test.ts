import assert from "node:assert/strict";
import http, { type IncomingMessage } from "node:http";
import { createRequire } from "node:module";
import { describe, type TestContext, test } from "node:test";
import cookieSession from "cookie-session";
import type { Express, NextFunction, Request, RequestHandler, Response } from "express";
import { application } from "../support/application.js";
import { until } from "../support/until.js";

/** Its types would change those of cookie-session for the whole project. */
const session = createRequire(import.meta.url)("express-session") as (options: object) => RequestHandler;

/** Delays writes and the end by a turn of the event loop, as middleware that transforms bodies does. */
function delaying(_req: Request, res: Response, next: NextFunction): void {
  const { write, end } = res;
  res.write = ((...args: unknown[]) => {
    setImmediate(() => Reflect.apply(write, res, args));
    return true;
  }) as typeof res.write;
  res.end = ((...args: unknown[]) => {
    setImmediate(() => setImmediate(() => Reflect.apply(end, res, args)));
    return res;
  }) as typeof res.end;
  next();
}

/** Never ends a stream, as middleware without its store does. */
function withholding(req: Request, res: Response, next: NextFunction): void {
  if (req.path.startsWith("/.well-known/")) res.end = (() => res) as typeof res.end;
  next();
}

const middlewares: Record<string, (app: Express) => void> = {
  "nothing before it": () => {},
  "express-session": (app) => {
    app.use(session({ secret: "s", resave: false, saveUninitialized: false }));
    app.get("/sign-in", (req, res) => {
      Object.assign(req.session as object, { user: 7 });
      res.send("in");
    });
  },
  "express-session that saves each time": (app) => {
    app.use(session({ secret: "s", resave: true, saveUninitialized: true, rolling: true }));
  },
  "cookie-session": (app) => {
    app.use(cookieSession({ name: "session", keys: ["k"] }));
    app.get("/sign-in", (req, res) => {
      req.session!.user = 7;
      res.send("in");
    });
  },
  "middleware that delays writes": (app) => void app.use(delaying),
};

async function openStream(t: TestContext, before: (app: Express) => void) {
  const { kit, listen } = application(t, {}, {}, { before });
  const origin = await listen();
  const signedIn = await fetch(`${origin}/sign-in`);
  const cookie = signedIn.headers.getSetCookie().map((each) => each.split(";")[0]);
  const headers = cookie.length === 0 ? {} : { Cookie: cookie.join("; ") };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    http.get(`${origin}/.well-known/mercure?topic=t`, { agent: false, headers }, resolve).on("error", reject);
  });
  const stream = { text: "", error: undefined as Error | undefined, closed: false };
  response.setEncoding("utf8").on("data", (text: string) => {
    stream.text += text;
  });
  response.on("error", (error) => {
    stream.error = error;
  });
  response.on("close", () => {
    stream.closed = true;
  });
  return { kit, stream };
}

describe("a stream ends with its last chunk", () => {
  for (const [what, before] of Object.entries(middlewares)) {
    test(`with ${what}`, async (t) => {
      const { kit, stream } = await openStream(t, before);
      await kit.sse.publish("t", "last words");
      await until(() => stream.text.includes("last words"));
      await kit.close();
      await until(() => stream.closed);
      assert.equal(stream.error, undefined);
    });
  }

  test("closes without it, where middleware withholds the end", async (t) => {
    const { kit, stream } = await openStream(t, (app) => void app.use(withholding));
    t.mock.timers.enable({ apis: ["setTimeout"] });
    await kit.close();
    t.mock.timers.tick(5000);
    await until(() => stream.closed);
    assert.match(stream.error?.message ?? "", /aborted/);
  });
});
