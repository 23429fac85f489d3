import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { onBothLines, shows } from "./client-fixture.js";

onBothLines((fixture) => {
  const { stream } = fixture;

  const item = (text: string) => `<p>${text}</p>`;
  const close = (reason: string) => `event: mercure:close\ndata: ${reason}\n\n`;
  const connect = (token: string, cursor = "start") =>
    `/hub?topic=messages&lastEventID=${cursor}&authorization=${token}`;
  const html = (body: string) => ({ status: 200, body });
  const refusal = /status of (401|403|503)|ERR_FAILED/;

  /** The tokens of the streams requested so far. */
  const tokens = () => fixture.server.subscriptions.map(({ headers }) => headers.authorization?.replace("Bearer ", ""));

  /** A page whose private stream has another token at each rendering. */
  function rendered(attributes = ""): () => string {
    let count = 0;
    return () => {
      count += 1;
      const { lastEventId } = fixture.server;
      return `${stream({ connect: connect(`token-${count}`, lastEventId), attributes })}<output id="log"></output>`;
    };
  }

  describe("a private stream whose token expires", () => {
    for (const [how, expire] of [
      ["the hub's event", () => fixture.server.write(close("expired"))],
      [
        "a refused reconnection",
        () => {
          fixture.expectErrors(/reconnects in|htmx:sse:?[eE]rror|status of 401|ERR_/);
          fixture.server.refuse({ status: 401 });
          fixture.server.cut();
        },
      ],
    ] as const) {
      it(`continues after ${how} with the token of the page fetched again, and misses and repeats nothing`, async () => {
        const page = await fixture.open(rendered());
        await fixture.connected();
        fixture.server.publish(item("before"));
        await shows(page, "#feed p", ["before"]);
        expire();
        await fixture.server.when(() => tokens().at(-1) === "token-2");
        fixture.server.publish(item("after"));
        await shows(page, "#feed p", ["before", "after"]);
        assert.equal(fixture.server.subscriptions.at(-1)?.headers["last-event-id"], "urn:1");
        assert.equal(fixture.server.subscriptions.at(-1)?.query.has("authorization"), false);
      });
    }

    it("is found by its topics where it has no id", async () => {
      const asked: (string | undefined)[] = [];
      fixture.serve("/page", () => {
        asked.push("page");
        const others = stream({ id: "", connect: `/hub?topic=others&authorization=other-${asked.length}` });
        return `${others}${stream({ id: "", connect: connect(`token-${asked.length}`) })}`;
      });
      const page = await fixture.newPage();
      await page.goto(`${fixture.server.origin}/page?a=1#top`);
      await fixture.connected(2);
      fixture.server.write(close("expired"));
      await fixture.server.when(() => tokens().includes("token-2"));
      assert.equal(asked.length, 2);
    });

    it("ends, visibly and for good, when the page drops it", async () => {
      const page = await fixture.open(rendered());
      await fixture.connected();
      fixture.serve("/", "<h1>Signed out</h1>");
      fixture.server.write(close("expired"));
      await shows(page, "#log", ["mercure:end feed expired;"]);
      assert.equal(await page.getAttribute("#feed", "data-mercure-state"), "ended");
      await page.evaluate("dispatchEvent(new Event('online')); htmx.process(document.body)");
      await page.evaluate("feed.title = 'changed'; htmx.process(document.body)");
      await fixture.connected(0);
      assert.deepEqual(tokens(), ["token-1"]);
    });

    it("reopens when the server sends a new rendering of it", async () => {
      const page = await fixture.open(
        `${rendered()()}<button hx-get="/fresh" hx-target="#feed" hx-swap="outerHTML">Again</button>`,
      );
      await fixture.connected();
      fixture.server.serve("/fresh", html(stream({ connect: connect("token-9") })).body);
      fixture.serve("/", "<h1>Signed out</h1>");
      fixture.server.write(close("expired"));
      await shows(page, "#log", ["mercure:end feed expired;"]);
      await page.getByRole("button").click();
      await fixture.server.when(() => tokens().at(-1) === "token-9");
      await page.waitForSelector("#feed[data-mercure-state=open]", { state: "attached" });
    });

    it("waits for a server that is away", async () => {
      fixture.expectErrors(refusal);
      const body = rendered();
      const page = await fixture.open(body);
      await fixture.connected();
      const answers = [503, 429];
      fixture.server.serve("/", () => {
        const status = answers.shift();
        return status === undefined ? html(body()) : { status, headers: { "Retry-After": "0" } };
      });
      fixture.expectErrors(/status of (503|429)/);
      fixture.server.write(close("expired"));
      await fixture.server.when(() => tokens().at(-1) === "token-2");
      fixture.server.publish(item("after"));
      await shows(page, "#feed p", ["after"]);
    });

    it("shares one request for the page with all that expire together", async () => {
      let count = 0;
      await fixture.open(() => {
        count += 1;
        const token = `token-${count}`;
        return `${stream({ id: "a", connect: connect(token) })}${stream({ id: "b", connect: connect(token) })}`;
      });
      await fixture.connected(2);
      fixture.server.write(close("expired"));
      await fixture.server.when(() => tokens().filter((token) => token === "token-2").length === 2);
      assert.equal(count, 2);
    });

    it("discards a token that the hub rejects, however new it is", async () => {
      fixture.expectErrors(/ended for good|htmx:sse:?[eE]rror|status of 401/);
      const page = await fixture.open(rendered());
      await fixture.connected();
      fixture.server.refuse(...Array.from({ length: 10 }, () => ({ status: 401 })));
      fixture.server.write(close("expired"));
      await shows(page, "#log", ["mercure:error feed 401;"]);
      assert.deepEqual(tokens(), ["token-1", "token-2", "token-3"]);
    });

    it("stays ended after the application has ended it", async () => {
      const page = await fixture.open(rendered());
      await fixture.connected();
      fixture.server.write(close("disconnected"));
      await shows(page, "#log", ["mercure:end feed disconnected;"]);
      assert.deepEqual(tokens(), ["token-1"]);
    });
  });

  describe("the console of a page whose stream has ended for good", () => {
    for (const [how, reason, end] of [
      ["ended by the application", /: ended by the application\.$/, () => fixture.server.write(close("disconnected"))],
      [
        "refused by the server",
        /: status 403\.$/,
        () => {
          fixture.expectErrors(/ended for good|htmx:sse:?[eE]rror|reconnects in|status of 403|ERR_/);
          fixture.server.refuse({ status: 403 }, { status: 403 });
          fixture.server.cut();
        },
      ],
    ] as const) {
      it(`says when and why once: ${how}`, async () => {
        const page = await fixture.newPage();
        const said: string[] = [];
        page.on("console", (message) => {
          if (message.text().startsWith("htmx-mercure:")) said.push(message.text());
        });
        fixture.serve("/", rendered());
        await page.goto(`${fixture.server.origin}/`);
        await fixture.connected();
        end();
        await page.waitForSelector("#feed:is([data-mercure-state=ended], [data-mercure-state=denied])", {
          state: "attached",
        });
        await page.evaluate("htmx.process(document.body)");
        await page.evaluate("fetch('/favicon.ico')");
        assert.equal(said.length, 1, said.join());
        assert.match(said[0]!, /^htmx-mercure: \d.*: the stream \S+\/hub\?topic=messages ended: /);
        assert.match(said[0]!, reason);
        assert.doesNotMatch(said[0]!, /token-1/);
      });
    }
  });

  describe("a private stream with an address for its renewal", () => {
    const attributes = 'data-mercure-renew="/renew"';

    it("sends the old token there, and continues with the new one", async () => {
      const asked: unknown[] = [];
      fixture.server.serve("/renew", ({ method, headers }) => {
        asked.push([method, headers.authorization, headers["sec-fetch-site"]]);
        return { ...html('{"token":"new"}'), headers: { "Content-Type": "application/json" } };
      });
      const page = await fixture.open(rendered(attributes));
      await fixture.connected();
      fixture.server.publish(item("before"));
      await shows(page, "#feed p", ["before"]);
      fixture.server.write(close("expired"));
      await fixture.server.when(() => tokens().at(-1) === "new");
      fixture.server.publish(item("after"));
      await shows(page, "#feed p", ["before", "after"]);
      assert.deepEqual(asked, [["POST", "Bearer token-1", "same-origin"]]);
      assert.match((await page.getAttribute("#feed", fixture.connectAttribute))!, /authorization=new$/);
    });

    it("continues unchanged where the token is in a cookie", async () => {
      fixture.server.serve("/renew", () => ({ status: 204 }));
      const cookieStream = stream({ connect: "/hub?topic=messages&grant=hash&lastEventID=start", attributes });
      const page = await fixture.open(cookieStream);
      await fixture.connected();
      fixture.server.write(close("expired"));
      await fixture.server.when(() => fixture.server.subscriptions.length === 2);
      fixture.server.publish(item("after"));
      await shows(page, "#feed p", ["after"]);
    });

    it("ends for good when the application refuses", async () => {
      fixture.expectErrors(refusal);
      fixture.server.serve("/renew", () => ({ status: 403 }));
      const page = await fixture.open(rendered(attributes));
      await fixture.connected();
      fixture.server.write(close("expired"));
      await shows(page, "#log", ["mercure:end feed expired;"]);
      assert.deepEqual(tokens(), ["token-1"]);
    });

    it("falls back to the page when the server does not know the old token", async () => {
      fixture.expectErrors(refusal);
      fixture.server.serve("/renew", () => ({ status: 401 }));
      await fixture.open(rendered(attributes));
      await fixture.connected();
      fixture.server.write(close("expired"));
      await fixture.server.when(() => tokens().at(-1) === "token-2");
    });

    // An open redirect would send the token to a stranger's server.
    it("follows no redirect with its token", async () => {
      const followed: unknown[] = [];
      fixture.server.serve("/renew", () => ({ status: 307, headers: { Location: "/elsewhere" } }));
      fixture.server.serve("/elsewhere", ({ headers }) => {
        followed.push(headers.authorization);
        return { status: 403 };
      });
      const page = await fixture.open(rendered(attributes));
      await fixture.connected();
      fixture.server.write(close("expired"));
      await shows(page, "#log", ["mercure:end feed expired;"]);
      assert.deepEqual(followed, []);
    });

    it("follows no redirect of its stream with its token", async () => {
      fixture.expectErrors(/reconnects in|htmx:sse:?[eE]rror/);
      const followed: unknown[] = [];
      fixture.server.serve("/elsewhere", ({ headers }) => {
        followed.push(headers.authorization);
        return { status: 403 };
      });
      fixture.server.refuse({ status: 307, headers: { Location: "/elsewhere" } });
      await fixture.open(rendered(attributes));
      await fixture.connected();
      assert.deepEqual([fixture.server.subscriptions.length, followed], [2, []]);
    });

    // Markup from elsewhere names another server, which would get the token.
    it("sends its token to its own origin alone", async () => {
      const page = await fixture.open(rendered('data-mercure-renew="http://localhost:1/renew"'));
      const foreign: string[] = [];
      page.on("request", (request) => {
        if (!request.url().startsWith(fixture.server.origin)) foreign.push(request.url());
      });
      await fixture.connected();
      fixture.server.write(close("expired"));
      await fixture.server.when(() => tokens().at(-1) === "token-2");
      assert.deepEqual(foreign, []);
    });
  });
});
