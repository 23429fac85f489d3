import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { application, streamUrlOf } from "../support/application.js";
import { type EventStream, openStream } from "../support/event-stream.js";

/** An application whose pages belong to the user in `?user=`. */
async function start(t: TestContext, protocol: 0 | 1 = 0) {
  const page = '<% MercureStream topic="room" private %>';
  const { app, kit, listen } = application(
    t,
    { "templates/page.njk": page },
    { protocol, tokenMode: "url", subjectGetter: (request) => request.query.user as string | undefined },
  );
  class Order {
    id = 7;
  }
  app.get("/", (_req, res) => res.render("page.njk"));
  app.get(
    "/order",
    (_req, res) => void res.send(String(kit.render("MercureStream", { topic: new Order(), private: true }))),
  );
  app.get("/stream", kit.sse.stream("room"));
  const origin = await listen();
  const urlFor = async (path: string) => streamUrlOf(await (await fetch(origin + path)).text(), origin);
  return { ...kit, origin, Order, urlFor };
}

async function hasEnded(stream: EventStream): Promise<(string | undefined)[]> {
  const types: (string | undefined)[] = [];
  for (let event = await stream.next(); event; event = await stream.next()) types.push(event.event);
  return types;
}

for (const protocol of [0, 1] as const) {
  describe(`sse.disconnect in Mercure ${protocol}`, () => {
    // A user who signed out has the page, its token and the back button.
    test("ends the streams of a user who signs out, for good", async (t) => {
      const { sse, urlFor, origin } = await start(t, protocol);
      const [ada, again, grace] = [
        await urlFor("/?user=ada"),
        await urlFor("/?user=ada"),
        await urlFor("/?user=grace"),
      ];
      const [stream, route, others] = [
        await openStream(t, ada),
        await openStream(t, `${origin}/stream?user=ada`),
        await openStream(t, grace),
      ];
      await sse.disconnect({ subject: "ada" });
      assert.deepEqual(await hasEnded(stream), ["mercure:close"]);
      assert.deepEqual(await hasEnded(route), []);
      for (const url of [ada, again]) {
        const { response } = await openStream(t, url.replace(/&grant=[^&]+/, ""));
        assert.equal(response.status, 401);
      }
      await sse.publish("room", "secret", { private: true });
      assert.equal((await others.next())?.data, "secret");
      // Signed in again.
      const anew = await openStream(t, await urlFor("/?user=ada"));
      assert.equal(anew.response.status, 200);
    });

    test("accepts the same topics as publish", async (t) => {
      const { sse, urlFor, Order } = await start(t, protocol);
      const url = await urlFor("/order");
      const stream = await openStream(t, url);
      await sse.disconnect({ topic: ["news", new Order()] });
      assert.deepEqual(await hasEnded(stream), ["mercure:close"]);
      assert.equal((await openStream(t, url.replace(/&grant=[^&]+/, ""))).response.status, 401);
      assert.equal((await (await openStream(t, url)).next())?.event, "mercure:close");
    });

    test("accepts a subscriber of the list", async (t) => {
      const { sse, urlFor } = await start(t, protocol);
      const stream = await openStream(t, await urlFor("/?user=ada"));
      const [{ subscriber } = assert.fail()] = await sse.getSubscriptions("room");
      await sse.disconnect({ subscriber });
      assert.deepEqual(await hasEnded(stream), ["mercure:close"]);
    });
  });
}

describe("sse.disconnect", () => {
  test("needs the hub in this process", async (t) => {
    const { kit } = application(t, {}, { hubUrl: "http://127.0.0.1:1/hub" });
    await assert.rejects(kit.sse.disconnect({ subject: "ada" }), { code: "ERR_EXTERNAL_HUB" });
  });

  test("rejects an asynchronous subject with an error that says so", async (t) => {
    const { kit, app, listen } = application(t, {}, { subjectGetter: (async () => "ada") as never });
    app.get("/", (_req, res) => {
      assert.throws(() => kit.render("MercureStream", { topic: "a", private: true }), /subjectGetter must return/);
      res.end();
    });
    const response = await fetch(await listen());
    assert.equal(response.status, 200);
    await response.text();
  });
});
