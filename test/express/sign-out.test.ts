import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { Request, RequestHandler } from "express";
import type { MercureOptions } from "../../src/index.js";
import { type ApplicationSetup, application, streamUrlOf } from "../support/application.js";
import { BrowserSession } from "../support/browser-session.js";
import { openStream } from "../support/event-stream.js";

const userOf = (req: Request) => /(?:^|; )user=(\w+)/.exec(req.headers.cookie ?? "")?.[1];
const sameOrigin = { "Sec-Fetch-Site": "same-origin" };

/** A place where requests wait for the test. */
class Gate {
  readonly arrived: Promise<void>;
  #arrive!: () => void;
  #open!: () => void;
  readonly #opened = new Promise<void>((resolve) => {
    this.#open = resolve;
  });

  constructor() {
    this.arrived = new Promise((resolve) => {
      this.#arrive = resolve;
    });
  }

  pass(): Promise<void> {
    this.#arrive();
    return this.#opened;
  }

  open(): void {
    this.#open();
  }
}

/** A middleware of sessions. */
const signIn: RequestHandler = (req, _res, next) => {
  Object.assign(req, { user: userOf(req) });
  next();
};

function start(t: TestContext, options: MercureOptions = {}, setup: ApplicationSetup = {}) {
  const page = '<% MercureStream topic="users/" ~ user private %>';
  // The session was looked up as the request came, and names the subject of that moment.
  return application(
    t,
    { "templates/mine.njk": page, "components/Public.njk": "<p>" },
    { subjectGetter: userOf, ...options },
    setup,
  );
}

describe("a sign-out during a request", () => {
  // The session is looked up, the database is slow, and meanwhile the user signs out everywhere.
  const handlers: Record<string, (started: ReturnType<typeof start>, gate: Gate) => RequestHandler> = {
    "a page": (_started, gate) => async (_req, res) => {
      await gate.pass();
      res.render("mine.njk", { user: "ada" });
    },
    "a URL made by hand":
      ({ kit }, gate) =>
      async (_req, res) => {
        await gate.pass();
        res.send(`sse-connect="${kit.sse.authenticatedHubUrl("users/ada")}"`);
      },
    "a token made by hand":
      ({ kit }, gate) =>
      async (_req, res) => {
        await gate.pass();
        const jwt = kit.sse.createSubscriberJwt("users/ada", { subject: "ada" });
        res.send(`sse-connect="${kit.sse.hubUrl("users/ada", jwt)}"`);
      },
  };
  for (const [what, handler] of Object.entries(handlers)) {
    test(`revokes the token of ${what}`, async (t) => {
      const started = start(t);
      const { app, kit, listen } = started;
      const gate = new Gate();
      app.get("/", handler(started, gate));
      const origin = await listen();
      const answer = fetch(origin, { headers: { Cookie: "user=ada" } });
      await gate.arrived;
      await kit.sse.disconnect({ subject: "ada" });
      gate.open();
      const url = streamUrlOf(await (await answer).text(), origin).replace(/&grant=[\w-]+/, "");
      assert.equal((await openStream(t, url)).response.status, 401);
    });
  }

  test("revokes the token of a renewal", async (t) => {
    const gate = new Gate();
    const authorize = async (_req: Request, _topics: readonly string[], action: string) => {
      if (action === "renew") await gate.pass();
      return true;
    };
    const { app, kit, listen } = start(t, { authorize: authorize as never });
    app.get("/", async (req, res) => {
      await kit.sse.authorize(req, "users/ada");
      res.render("mine.njk", { user: "ada" });
    });
    const origin = await listen();
    const headers = { Cookie: "user=ada", ...sameOrigin };
    const url = streamUrlOf(await (await fetch(origin, { headers })).text(), origin);
    const token = new URL(url).searchParams.get("authorization")!;
    const renewal = fetch(`${origin}/.well-known/mercure/renewal`, {
      method: "POST",
      headers: { ...headers, Authorization: `Bearer ${token}` },
    });
    await gate.arrived;
    await kit.sse.disconnect({ subject: "ada" });
    gate.open();
    const { token: renewed } = (await (await renewal).json()) as { token: string };
    const stream = await openStream(t, `${origin}/.well-known/mercure?topic=users/ada`, {
      headers: { Authorization: `Bearer ${renewed}` },
    });
    assert.equal(stream.response.status, 401);
  });

  test("rejects the stream of a route that still looks up its topics", async (t) => {
    const gate = new Gate();
    const { app, kit, listen } = start(t);
    app.get(
      "/stream",
      kit.sse.stream(async () => {
        await gate.pass();
        return "users/ada";
      }),
    );
    const origin = await listen();
    const answer = fetch(`${origin}/stream`, { headers: { Cookie: "user=ada" } });
    await gate.arrived;
    await kit.sse.disconnect({ subject: "ada" });
    gate.open();
    const response = await answer;
    assert.equal(response.status, 401);
    await response.text();
  });

  test("keeps the tokens that the sign-out request itself renders afterwards", async (t) => {
    const { app, kit, listen } = start(t);
    app.get("/others", async (_req, res) => {
      await kit.sse.disconnect({ subject: "ada" });
      res.render("mine.njk", { user: "ada" });
    });
    const origin = await listen();
    const html = await (await fetch(`${origin}/others`, { headers: { Cookie: "user=ada" } })).text();
    const stream = await openStream(t, streamUrlOf(html, origin));
    await kit.sse.publish("users/ada", "hello", { private: true });
    assert.equal((await stream.next())?.data, "hello");
  });
});

describe("the cookies of two people in one browser", () => {
  // Ada's session expires without a sign-out; then Bob signs in, and her cookies are still there.
  test("are invalid for the user who left, after a page is rendered for the other", async (t) => {
    const { app, kit, listen } = start(t, { tokenMode: "cookie" });
    app.get("/:user", (req, res) => res.render("mine.njk", { user: req.params.user }));
    const origin = await listen();
    const session = new BrowserSession();
    const as = (user: string, url: string) => ({ Cookie: `user=${user}; ${session.headers(url).Cookie ?? ""}` });
    const visit = async (user: string) => {
      const answer = await session.fetch(`${origin}/${user}`, { headers: as(user, origin) });
      return streamUrlOf(await answer.text(), origin);
    };
    const [adas] = [await visit("ada")];
    const stream = await openStream(t, adas, { headers: as("ada", adas) });
    await kit.sse.publish("users/ada", "hello ada", { private: true });
    assert.equal((await stream.next())?.data, "hello ada");
    const bobs = await visit("bob");
    const former = await openStream(t, adas, { headers: as("bob", adas) });
    assert.equal((await former.next())?.event, "mercure:close");
    const all = `${origin}/.well-known/mercure?topic=users/ada&topic=users/bob`;
    const both = await openStream(t, all, { headers: as("bob", all) });
    await kit.sse.publish("users/ada", "of ada", { private: true });
    await kit.sse.publish("users/bob", "of bob", { private: true });
    assert.equal((await both.next())?.data, "of bob");
    const own = await openStream(t, bobs, { headers: as("bob", bobs) });
    assert.equal((await own.next())?.data, "of bob", "replayed since the page was rendered");
  });

  // Bob has signed in, and no page has been rendered for him yet: Ada's streams reconnect with her cookies.
  for (const way of ["tag", "setAuthzCookie"]) {
    test(`open no stream for the other before a page is rendered, with a cookie of ${way}`, async (t) => {
      const { app, kit, listen } = start(t, { tokenMode: "cookie" });
      app.get("/", (req, res) => {
        if (way === "tag") return void res.render("mine.njk", { user: userOf(req) });
        kit.sse.setAuthzCookie(res, `users/${userOf(req)}`);
        res.send('sse-connect="/.well-known/mercure?topic=users/ada"');
      });
      const origin = await listen();
      const session = new BrowserSession();
      const as = (user: string, url: string) => ({ Cookie: `user=${user}; ${session.headers(url).Cookie ?? ""}` });
      const url = streamUrlOf(await (await session.fetch(origin, { headers: as("ada", origin) })).text(), origin);
      const adas = await openStream(t, url, { headers: as("ada", url) });
      await kit.sse.publish("users/ada", "hello", { private: true });
      assert.equal((await adas.next())?.data, "hello");
      const response = await fetch(url.replace("#", ""), {
        headers: { ...as("bob", url), "Last-Event-ID": "earliest" },
      });
      if (way === "tag") assert.match(await response.text(), /event: mercure:close/);
      else assert.equal(response.status, 401);
      const list = await fetch(`${origin}/.well-known/mercure/subscriptions`, { headers: as("bob", url) });
      assert.equal(list.status, 401);
    });
  }

  // Ada's session expires without a sign-out. A stranger at her browser opens her streams by the cookies that stay.
  for (const [when, isLate] of [
    ["before", false],
    ["after", true],
  ] as const) {
    test(`open no private stream without a session, where its middleware runs ${when} the library`, async (t) => {
      const subjectGetter = (req: Request) => (req as { user?: string | undefined }).user;
      const { app, kit, listen } = start(
        t,
        { tokenMode: "cookie", subjectGetter },
        { before: (app) => !isLate && app.use(signIn) },
      );
      if (isLate) app.use(signIn);
      app.get("/mine", (req, res) => res.render("mine.njk", { user: userOf(req) }));
      app.get("/public", (_req, res) => void res.component("Public"));
      const origin = await listen();
      const session = new BrowserSession();
      const as = (user: string, url: string) => ({ Cookie: `${user}; ${session.headers(url).Cookie ?? ""}` });
      const mine = await session.fetch(`${origin}/mine`, { headers: as("user=ada", origin) });
      const url = streamUrlOf(await mine.text(), origin);
      const adas = await openStream(t, url, { headers: as("user=ada", url) });
      await kit.sse.publish("users/ada", "hello", { private: true });
      assert.equal((await adas.next())?.data, "hello");
      // The library learns of a late session from the next page alone.
      if (isLate) await session.fetch(`${origin}/public`, { headers: as("a=b", origin) });
      const closed = await openStream(t, url, { headers: as("a=b", url) });
      assert.equal((await closed.next())?.event, "mercure:close");
      const all = `${origin}${kit.hub.path}?topic=users/ada&topic=news`;
      const stream = await openStream(t, all, { headers: as("a=b", all) });
      await kit.sse.publish("users/ada", "of ada", { private: true });
      await kit.sse.publish("news", "for all");
      assert.equal((await stream.next())?.data, "for all");
    });
  }

  // A shared cache that stores the deletion of the key would sign the streams of all visitors out.
  test("are deleted by a page without a session, which caches then cannot store", async (t) => {
    const { app, listen } = start(t, { tokenMode: "cookie" });
    app.get("/mine", (req, res) => res.render("mine.njk", { user: userOf(req) }));
    app.get("/public", (_req, res) => void res.set("Cache-Control", "public, max-age=60").component("Public"));
    const origin = await listen();
    const session = new BrowserSession();
    const keys = () => session.names.filter((name) => name.includes("key"));
    await session.fetch(`${origin}/mine`, { headers: { Cookie: "user=ada" } });
    assert.equal(keys().length, 1, String(session.names));
    const cookie = `user=ada; ${session.headers(origin).Cookie}`;
    const own = await session.fetch(`${origin}/public`, { headers: { Cookie: cookie } });
    assert.deepEqual([own.headers.get("Cache-Control"), own.headers.getSetCookie()], ["public, max-age=60", []]);
    const other = await session.fetch(`${origin}/public`);
    assert.equal(other.headers.get("Cache-Control"), "private, no-store");
    assert.deepEqual(keys(), []);
  });

  // A session that only a route knows: the hub's requests have no subject, or another one.
  test("still open streams where the middleware of the session runs after the library", async (t) => {
    const subjectGetter = (req: Request) => (req as { user?: string }).user ?? "";
    const { app, kit, listen } = start(t, { tokenMode: "cookie", subjectGetter });
    app.get("/", (req, res) => {
      Object.assign(req, { user: "ada" });
      res.render("mine.njk", { user: "ada" });
    });
    const origin = await listen();
    const session = new BrowserSession();
    const url = streamUrlOf(await (await session.fetch(origin)).text(), origin);
    const stream = await openStream(t, url, { headers: session.headers(url) });
    await kit.sse.publish("users/ada", "hello", { private: true });
    assert.equal((await stream.next())?.data, "hello");
  });

  // A stream whose URL names no grant uses all cookies: a sign-out of Bob must end it, with either cookie first.
  test("give no stream that outlives the sign-out of either", async (t) => {
    for (const leaver of ["ada", "bob"]) {
      const { kit, listen } = start(t, { tokenMode: "cookie" });
      const { sse } = kit;
      const origin = await listen();
      const jar = ["ada", "bob"].map((user, i) => {
        const hash = String(i).repeat(22);
        return `mercureAuthorization_${hash}=${sse.createSubscriberJwt(`users/${user}`, { subject: user })}`;
      });
      const other = leaver === "ada" ? "bob" : "ada";
      const url = `${origin}/.well-known/mercure?topic=users/ada&topic=users/bob`;
      const headers = { Cookie: jar.join("; ") };
      const stream = await openStream(t, url, { headers });
      await sse.disconnect({ subject: leaver });
      await sse.publish(`users/${leaver}`, "after the sign-out", { private: true });
      assert.equal(await stream.next(), undefined);
      const again = await openStream(t, url, { headers });
      await sse.publish(`users/${leaver}`, "after the sign-out", { private: true });
      await sse.publish(`users/${other}`, "still signed in", { private: true });
      assert.equal((await again.next())?.data, "still signed in");
    }
  });
});

// Cookies know no ports: a developer runs two applications on one host, each with its own secret.
test("cookies of setAuthzCookie of two applications on one host neither replace nor disturb each other", async (t) => {
  const session = new BrowserSession();
  const origins: string[] = [];
  const kits = ["a", "b"].map((letter) => start(t, { tokenMode: "cookie", secret: letter.repeat(32) }));
  for (const { app, kit, listen } of kits) {
    app.get("/sign-in", (_req, res) => {
      kit.sse.setAuthzCookie(res, "room");
      res.end();
    });
    app.get("/sign-out", (_req, res) => {
      kit.sse.deleteAuthzCookie(res);
      res.end();
    });
    origins.push(await listen());
    await session.fetch(`${origins.at(-1)}/sign-in`);
  }
  const open = async (origin: string) => {
    const url = `${origin}/.well-known/mercure?topic=room`;
    return openStream(t, url, { headers: session.headers(url) });
  };
  for (const [i, { kit }] of kits.entries()) {
    const stream = await open(origins[i]!);
    await kit.sse.publish("room", "private", { private: true });
    assert.equal((await stream.next())?.data, "private");
  }
  await session.fetch(`${origins[0]}/sign-out`);
  const stream = await open(origins[0]!);
  await kits[0]!.kit.sse.publish("room", "private", { private: true });
  await kits[0]!.kit.sse.publish("room", "public");
  assert.equal((await stream.next())?.data, "public");
});

describe("the list of subscriptions", () => {
  // A user who was removed from a room still has its cookie, and would continue to see its people.
  test("calls authorize where the token is in a cookie", async (t) => {
    let isMember = true;
    const asked: (readonly string[])[] = [];
    const { app, kit, listen } = start(t, {
      tokenMode: "cookie",
      authorize: (_req, topics, action) => {
        if (action === "connect") asked.push(topics);
        return isMember;
      },
    });
    const room =
      '<% MercureStreamContext topic="room 1" private with_subscriptions %><p></p><% endMercureStreamContext %>';
    app.get("/", (_req, res) => void res.send(kit.environment.renderString(room, {})));
    const origin = await listen();
    const session = new BrowserSession();
    await (await session.fetch(origin)).text();
    const path = `${origin}/.well-known/mercure/subscriptions/${encodeURIComponent("room 1")}`;
    const get = async () => {
      const response = await session.fetch(path);
      await response.text();
      return response.status;
    };
    assert.equal(await get(), 200);
    assert.deepEqual(asked.at(-1), ["room 1"]);
    isMember = false;
    assert.equal(await get(), 403);
  });
});

test("a stream of the application's own is rejected when its subject signs out while history is read", async (t) => {
  const { app, kit, listen } = start(t);
  const seen = new Gate();
  app.get("/stream", (req, res) => {
    kit.hub.stream(req, res, { topics: "users/ada", private: true, subject: "ada" });
    void kit.sse.disconnect({ subject: "ada" }).then(() => seen.open());
    void seen.pass();
  });
  const origin = await listen();
  const response = await fetch(`${origin}/stream`, { headers: { "Last-Event-ID": "earliest" } });
  assert.equal(response.status, 401);
  await response.text();
});
