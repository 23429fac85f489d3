import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { Readable } from "node:stream";
import { describe, type TestContext, test } from "node:test";
import express, { type Request, type Response } from "express";
import { decodeJwt } from "jose";
import type { Kit, MercureOptions } from "../../src/index.js";
import { application, streamUrlOf } from "../support/application.js";
import { BrowserSession } from "../support/browser-session.js";
import { openStream } from "../support/event-stream.js";
import { type Pool, pools } from "../support/pools.js";
import { until } from "../support/until.js";

const files = {
  "templates/mine.njk": '<% MercureStream topic="users/" + user private %>',
  "templates/waiting.njk": '{{ user | load }}<% MercureStream topic="users/" + user private %>',
  "templates/nesting.njk":
    '<% MercureStream topic="before/" + user private %>{{ nest() }}<% MercureStream topic="after/" + user private %>',
  "components/Mine.njk": '<% MercureStream topic="users/" + user private %>',
  "components/Board.njk": '<% MercureStream topic="cells" %>',
};

const userOf = (req: Request) => /user=(\w+)/.exec(req.get("Cookie") ?? "")?.[1] ?? "nobody";
const as = (user: string) => ({ headers: { Cookie: `user=${user}` } });

/** The content of the tokens in an answer, wherever they are. */
function tokensIn(text: string): { subject: unknown; subscribe: unknown; payload: unknown }[] {
  return [...new Set(text.match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g))].map((token) => {
    const { sub, mercure } = decodeJwt(token) as { sub?: string; mercure: { subscribe: unknown; payload: unknown } };
    return { subject: sub, subscribe: mercure.subscribe, payload: mercure.payload };
  });
}

interface Answer {
  readonly status: number;
  readonly cacheControl: string | null;
  readonly text: string;
  readonly cookies: readonly string[];
  readonly tokens: ReturnType<typeof tokensIn>;
}

async function answerOf(response: globalThis.Response): Promise<Answer> {
  const { status, headers } = response;
  const text = await response.text();
  const cookies = headers.getSetCookie();
  return { status, cacheControl: headers.get("Cache-Control"), text, cookies, tokens: tokensIn(text + cookies.join()) };
}

/** An application that identifies its visitors by a cookie, and names them in their tokens. */
function visitors(t: TestContext, options: MercureOptions = {}) {
  const identity: MercureOptions = {
    subjectGetter: userOf,
    payloadGetter: (_topics, req) => ({ name: req && userOf(req) }),
    ...options,
  };
  return application(t, files, identity);
}

/** The ways to answer with a private stream, which a handler can use in a callback. */
const ways: Readonly<Record<string, (kit: Kit, req: Request, res: Response) => unknown>> = {
  "res.render": (_kit, req, res) => res.render("mine", { user: userOf(req) }),
  "res.render with a callback": (_kit, req, res) =>
    res.render("mine", { user: userOf(req) }, (error, html) => void res.status(error ? 500 : 200).send(html)),
  "res.render with res.locals": (_kit, req, res) => {
    res.locals.user = userOf(req);
    res.render("mine");
  },
  "res.component": (_kit, req, res) => res.component("Mine", { user: userOf(req) }),
  setAuthzCookie: (kit, req, res) => {
    kit.sse.setAuthzCookie(res, `users/${userOf(req)}`);
    res.send("signed in");
  },
  withResponse: (kit, req, res) => {
    res.write(kit.withResponse(res, () => String(kit.components.Mine!({ user: userOf(req) }))));
    res.end();
  },
};

/** The same for HTML that is rendered before any response is named. */
const unboundWays: typeof ways = {
  "render and res.send": (kit, req, res) => res.send(kit.render("Mine", { user: userOf(req) })),
  "components and res.json": (kit, req, res) => res.json({ html: String(kit.components.Mine!({ user: userOf(req) })) }),
  "environment.render and res.end": (kit, req, res) =>
    res.end(kit.environment.render("mine.njk", { user: userOf(req) })),
  "app.render and res.write": (_kit, req, res) =>
    req.app.render("mine", { user: userOf(req) }, (_error, html) => {
      res.write(html);
      res.end();
    }),
  "render and a stream": (kit, req, res) =>
    Readable.from([Buffer.from(String(kit.render("Mine", { user: userOf(req) })))]).pipe(res),
};

const context = new AsyncLocalStorage<string>();

/** Ada's request opens a pool and is still unanswered when Bob's callback comes through the same pool. */
async function shared(
  t: TestContext,
  pool: Pool,
  options: MercureOptions,
  respond: (kit: Kit, req: Request, res: Response) => unknown,
): Promise<{ ada: Answer; bob: Answer; contexts: unknown[] }> {
  const { app, kit, listen } = visitors(t, options);
  const contexts: unknown[] = [];
  let release: (() => void) | undefined;
  app.use((req, _res, next) => context.run(userOf(req), next));
  app.get("/held", (_req, res) =>
    pool(() => {
      release = () => void res.send("held");
    }),
  );
  app.get("/", (req, res) =>
    pool(() => {
      contexts.push(context.getStore());
      respond(kit, req, res);
    }),
  );
  const origin = await listen();
  const held = fetch(`${origin}/held`, as("ada"));
  await until(() => release !== undefined);
  const bob = await answerOf(await fetch(origin, as("bob")));
  release!();
  return { ada: await answerOf(await held), bob, contexts };
}

const bobs = { subject: "bob", subscribe: ["users/bob"], payload: { name: "bob" } };

function assertBobs({ ada, bob }: { ada: Answer; bob: Answer }): void {
  assert.equal(bob.status, 200, bob.text);
  assert.deepEqual(bob.tokens, [bobs]);
  assert.equal(bob.cacheControl, "private, no-store");
  // Caches can skip Ada's answer too without harm: without a response, the library has the context alone.
  assert.deepEqual([ada.text, ada.cookies, ada.tokens], ["held", [], []]);
}

// Bob's page is rendered in the callback of a connection that Ada's request has opened: it must not hold a token in
// Ada's name, and Ada's browser must not get the token of Bob's topics.
describe("a response in a callback that runs in the context of another request", () => {
  for (const [name, { open, isShared }] of Object.entries(pools)) {
    for (const tokenMode of ["url", "cookie"] as const) {
      test(`renders for its own viewer through ${name}, with tokens by ${tokenMode}`, async (t) => {
        for (const [way, respond] of Object.entries({ ...ways, ...unboundWays })) {
          await t.test(way, async (t) => {
            const answers = await shared(t, await open(t), { tokenMode }, respond);
            if (isShared) assert.deepEqual(answers.contexts, ["ada"], "the context is that of another request");
            assertBobs(answers);
          });
        }
      });
    }
  }

  for (const [way, respond] of Object.entries(ways)) {
    test(`calls authorize with its own request: ${way}`, async (t) => {
      const asked: unknown[] = [];
      const authorize = (req: Request, topics: readonly string[]) => {
        asked.push([userOf(req), topics]);
        return topics.every((topic) => topic === `users/${userOf(req)}`);
      };
      assertBobs(await shared(t, await pools["a pool of pg"]!.open(t), { authorize, tokenMode: "url" }, respond));
      const expected = way === "setAuthzCookie" ? [] : [["bob", ["users/bob"]]];
      assert.deepEqual(asked, expected);
    });
  }

  test("gets no stream that authorize grants to the other request alone", async (t) => {
    const authorize = (req: Request) => userOf(req) === "ada";
    const pool = await pools["a pool of mysql2"]!.open(t);
    const { bob } = await shared(t, pool, { authorize }, unboundWays["render and res.send"]!);
    assert.equal(bob.status, 403);
    assert.deepEqual(bob.tokens, []);
  });

  test("streams for its own viewer by sse.stream", async (t) => {
    const pool = await pools["a pool of pg"]!.open(t);
    const { app, kit, listen } = visitors(t);
    await new Promise<void>((resolve) => pool(resolve));
    app.get(
      "/stream",
      kit.sse.stream((req) => new Promise((resolve) => pool(() => resolve(`users/${userOf(req)}`)))),
    );
    const origin = await listen();
    for (const user of ["ada", "bob"]) await openStream(t, `${origin}/stream`, as(user));
    const payloads = (await kit.sse.getSubscriptions()).map(({ topic, payload }) => [topic, payload]);
    assert.deepEqual(payloads, [
      ["users/ada", { name: "ada" }],
      ["users/bob", { name: "bob" }],
    ]);
  });

  // A middleware before the library looks the session up in the pool, so the renewal itself runs in the other's context.
  for (const tokenMode of ["url", "cookie"] as const) {
    test(`renews the token of its own viewer, with tokens by ${tokenMode}`, async (t) => {
      const asked: string[] = [];
      const authorize = (req: Request, _topics: readonly string[], action: string) => {
        if (action === "renew") asked.push(userOf(req));
        return true;
      };
      const pool = await pools["a pool of pg"]!.open(t);
      const contexts: unknown[] = [];
      const { app, kit, listen } = visitors(t, { authorize, tokenMode });
      app.get("/", (req, res) => res.render("mine", { user: userOf(req) }));
      const outer = express();
      outer.use((req, _res, next) => context.run(userOf(req), next));
      outer.use((_req, _res, next) =>
        pool(() => {
          contexts.push(context.getStore());
          next();
        }),
      );
      const origin = await listen(outer.use(app));
      const session = new BrowserSession();
      const tokens: Answer["tokens"][] = [];
      for (const user of ["ada", "bob"]) {
        const Cookie = () => `user=${user}; ${session.headers(`${origin}${kit.hub.path}/renewal`).Cookie ?? ""}`;
        const page = await session.fetch(origin, { headers: { Cookie: Cookie() } });
        const html = await page.text();
        const renewal = new URL(/data-mercure-renew="([^"]+)"/.exec(html)![1]!.replaceAll("&amp;", "&"), origin);
        const token = new URL(streamUrlOf(html, origin)).searchParams.get("authorization");
        const answer = await fetch(renewal, {
          method: "POST",
          headers: {
            Cookie: Cookie(),
            "Sec-Fetch-Site": "same-origin",
            ...(token !== null && { Authorization: `Bearer ${token}` }),
          },
        });
        assert.equal(answer.status, tokenMode === "url" ? 200 : 204);
        tokens.push((await answerOf(answer)).tokens);
      }
      assert.deepEqual(new Set(contexts), new Set(["ada"]), "the context is that of the first request");
      assert.deepEqual(asked, ["ada", "bob"]);
      assert.deepEqual(tokens[1], [bobs]);
    });
  }

  test("passes the error of a component to Express and not to the callback's caller", async (t) => {
    const pool = await pools["a pool of pg"]!.open(t);
    const { bob } = await shared(t, pool, {}, (_kit, _req, res) => res.component("Missing"));
    assert.equal(bob.status, 500);
    assert.match(bob.text, /Missing/);
  });

  test("continues for its own viewer after an asynchronous filter", async (t) => {
    const pool = await pools["a pool of mysql2"]!.open(t);
    const answers = await shared(t, pool, {}, (kit, req, res) => {
      const load = (user: string, done: (error: null, user: string) => void) => pool(() => done(null, user));
      kit.environment.addFilter("load", load, true);
      res.render("waiting", { user: userOf(req) });
    });
    assertBobs(answers);
  });
});

describe("several responses", () => {
  test("that render in one turn each render for their own viewer", async (t) => {
    const { app, kit, listen } = visitors(t);
    const waiting: (() => void)[] = [];
    const all = Object.values({ ...ways, ...unboundWays });
    app.get("/:way", (req, res) => void waiting.push(() => all[Number(req.params.way)]!(kit, req, res)));
    const origin = await listen();
    const users = all.map((_, index) => `user${index}`);
    const answers = users.map(async (user, index) => answerOf(await fetch(`${origin}/${index}`, as(user))));
    await until(() => waiting.length === users.length);
    for (const respond of waiting.reverse()) respond();
    for (const [index, { tokens }] of (await Promise.all(answers)).entries()) {
      assert.deepEqual(
        tokens.map(({ subject }) => subject),
        [`user${index}`],
      );
    }
  });

  test("stay apart when they render within each other, even when the inner one throws", async (t) => {
    const { app, kit, listen } = visitors(t);
    let inner: ((work: () => unknown) => void) | undefined;
    app.get("/inner", (_req, res) => {
      inner = (work) => {
        assert.throws(() => kit.withResponse(res, () => assert.fail("in between")), /in between/);
        work();
        res.component("Mine", { user: "ada" });
      };
    });
    kit.environment.addGlobal("nest", () => inner!(() => {}));
    app.get("/", (_req, res) => res.render("nesting", { user: "bob" }));
    const origin = await listen();
    const ada = fetch(`${origin}/inner`, as("ada"));
    await until(() => inner !== undefined);
    const bob = await answerOf(await fetch(origin, as("bob")));
    assert.deepEqual(
      bob.tokens.map(({ subject, subscribe }) => [subject, subscribe]),
      [
        ["bob", ["before/bob"]],
        ["bob", ["after/bob"]],
      ],
    );
    assert.deepEqual(
      (await answerOf(await ada)).tokens.map(({ subject }) => subject),
      ["ada"],
    );
  });

  test("of mounted applications with one kit render for their own viewer", async (t) => {
    const pool = await pools["a pool of pg"]!.open(t);
    const { app, listen } = visitors(t);
    await new Promise<void>((resolve) => pool(resolve));
    const mounted = express();
    mounted.get("/", (req, res) => pool(() => res.component("Mine", { user: userOf(req) })));
    app.use("/mounted", mounted);
    const origin = await listen(express().use("/shop", app));
    const bob = await answerOf(await fetch(`${origin}/shop/mounted`, as("bob")));
    assert.deepEqual(bob.tokens, [bobs]);
    assert.match(bob.text, /sse-connect="\/shop\/\.well-known\/mercure/);
  });
});

describe("HTML that is rendered without a response", () => {
  /** Whether a stream in HTML begins with the last update, rather than with an older one. */
  async function firstOf(t: TestContext, { kit }: { kit: Kit }, html: string, origin: string): Promise<unknown> {
    const stream = await openStream(t, streamUrlOf(html, origin));
    await kit.sse.publish("cells", "live");
    return (await stream.next())?.data;
  }

  for (const when of ["before", "after"] as const) {
    test(`begins at the newest position when a timer renders it, ${when} the response has ended`, async (t) => {
      const started = visitors(t);
      const { app, kit, listen } = started;
      let render: (() => void) | undefined;
      let html = "";
      let end: (() => void) | undefined;
      app.post("/start", (_req, res) => {
        const timer = setInterval(() => {
          if (render === undefined) return;
          clearInterval(timer);
          render();
        }, 1);
        if (when === "after") res.sendStatus(202);
        else end = () => void res.sendStatus(202);
      });
      const origin = await listen();
      const response = fetch(`${origin}/start`, { method: "POST" });
      await until(() => when === "after" || end !== undefined);
      if (when === "after") await response;
      await kit.sse.publish("cells", "old");
      render = () => {
        html = String(kit.render("Board"));
      };
      await until(() => html !== "");
      assert.equal(await firstOf(t, started, html, origin), "live");
      end?.();
      await response;
    });
  }

  test("belongs to no request once the response has ended", async (t) => {
    const { app, kit, listen } = visitors(t, { authorize: () => true });
    let error: unknown;
    app.get("/", (_req, res) => {
      res.once("close", () => {
        try {
          kit.render("Mine", { user: "ada" });
        } catch (thrown) {
          error = thrown;
        }
      });
      res.send("done");
    });
    await (await fetch(await listen(), as("ada"))).text();
    await until(() => error !== undefined);
    assert.equal((error as { code: string }).code, "ERR_FORBIDDEN");
  });

  test("begins with the request whose response sends it, and names the hub there", async (t) => {
    const started = visitors(t);
    const { app, kit, listen } = started;
    app.get("/", async (_req, res) => {
      await kit.sse.publish("cells", "meanwhile");
      res.send(kit.render("Board"));
    });
    const origin = await listen();
    await kit.sse.publish("cells", "before");
    const answer = await fetch(origin);
    assert.match(answer.headers.get("Link") ?? "", /rel="mercure"/);
    assert.equal(await firstOf(t, started, await answer.text(), origin), "meanwhile");
  });

  test("keeps its own position when it is older than the request, because it shows that state", async (t) => {
    const started = visitors(t);
    const { app, kit, listen } = started;
    const cached = String(kit.render("Board"));
    app.get("/", (_req, res) => void res.send(cached));
    const origin = await listen();
    await kit.sse.publish("cells", "since then");
    assert.equal(await firstOf(t, started, await (await fetch(origin)).text(), origin), "since then");
  });

  test("has the token of the viewer that it is sent to, and stays out of caches", async (t) => {
    const { app, kit, listen } = visitors(t);
    const html = String(kit.render("Mine", { user: "bob" }));
    app.get("/", (_req, res) => void res.set("Cache-Control", "public").send(html));
    const bob = await answerOf(await fetch(await listen(), as("bob")));
    assert.deepEqual([bob.tokens, bob.cacheControl], [[bobs], "private, no-store"]);
  });

  test("opens its stream with the cookie that came with it", async (t) => {
    const { app, kit, listen } = visitors(t, { tokenMode: "cookie" });
    app.get("/", (_req, res) => void res.send(kit.render("Mine", { user: "bob" })));
    const origin = await listen();
    const session = new BrowserSession();
    const url = streamUrlOf(await (await session.fetch(origin)).text(), origin);
    const stream = await openStream(t, url, { headers: session.headers(url) });
    await kit.sse.publish("users/bob", "secret", { private: true });
    assert.equal((await stream.next())?.data, "secret");
  });

  test("is rejected by publish when it holds a private stream without a response", async (t) => {
    const { app, kit, listen } = visitors(t, { tokenMode: "cookie" });
    app.get("/", async (_req, res) => {
      await assert.rejects(kit.sse.publish("x", kit.render("Mine", { user: "bob" })), { code: "ERR_TOKEN" });
      res.send("refused");
    });
    assert.equal(await (await fetch(await listen())).text(), "refused");
  });

  // A visitor writes the URL of another's stream, or a mark like the library's own, into a text that a page shows.
  test("gives no cookie for a mark that a visitor has written into a page", async (t) => {
    const { app, kit, listen } = visitors(t, { tokenMode: "cookie" });
    app.get("/own", (_req, res) => void res.send(kit.render("Mine", { user: "ada" })));
    app.get("/echo", (req, res) => {
      kit.render("Mine", { user: "ada" });
      res.send(kit.html`<p>${req.query.text}</p>`);
    });
    const origin = await listen();
    const [, grant] = /grant=([\w-]+)/.exec(await (await fetch(`${origin}/own`)).text())!;
    for (const text of [`grant=${grant}`, "grant=unbound-aaaaaaaaaaaaaa"]) {
      const { cookies, text: shown } = await answerOf(await fetch(`${origin}/echo?text=${text}`));
      assert.deepEqual([cookies, shown], [[], `<p>${text}</p>`]);
    }
  });

  test("withResponse rejects asynchronous functions, which would continue without the response", async (t) => {
    const { app, kit, listen } = visitors(t);
    app.get("/", (_req, res) => {
      assert.throws(() => kit.withResponse(res, async () => {}), { code: "ERR_OPTION", message: /withResponse/ });
      res.send("refused");
    });
    assert.equal(await (await fetch(await listen())).text(), "refused");
  });
});
