import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { application } from "../support/application.js";
import { openStream } from "../support/event-stream.js";

describe("sse.stream", () => {
  test("streams topics, private updates too, to everybody the middleware admits", async (t) => {
    const { app, kit, listen } = application(t);
    app.get(
      "/orders/:id/stream",
      (req, res, next) => (req.headers.authorization === "me" ? next() : void res.sendStatus(403)),
      kit.sse.stream(async (req) => `orders/${req.params.id}`),
    );
    const origin = await listen();
    assert.equal((await fetch(`${origin}/orders/7/stream`)).status, 403);
    const stream = await openStream(t, `${origin}/orders/7/stream`, { headers: { Authorization: "me" } });
    await kit.sse.publish("orders/8", "others", { private: true });
    await kit.sse.publish("orders/7", "mine", { private: true });
    assert.equal((await stream.next())?.data, "mine");
  });

  test("resumes after Last-Event-ID", async (t) => {
    const { app, kit, listen } = application(t);
    app.get("/stream", kit.sse.stream(["a", "b"]));
    const origin = await listen();
    const id = await kit.sse.publish("a", "1");
    await kit.sse.publish("b", "2");
    const stream = await openStream(t, `${origin}/stream`, { headers: { "Last-Event-ID": id } });
    assert.equal((await stream.next())?.data, "2");
  });

  test("streams ?channel= without topics, by default sse, as Flask-SSE does", async (t) => {
    const { app, kit, listen } = application(t);
    app.get("/stream", kit.sse.stream());
    const origin = await listen();
    const [named, unnamed] = [
      await openStream(t, `${origin}/stream?channel=users.social`),
      await openStream(t, `${origin}/stream`),
    ];
    await kit.sse.publish("sse", { message: "Hello!" }, { type: "greeting" });
    await kit.sse.publish("users.social", "Life is good!");
    assert.equal((await named.next())?.data, "Life is good!");
    const greeting = await unnamed.next();
    assert.deepEqual([greeting?.event, greeting?.data], ["greeting", '{"message":"Hello!"}']);
  });

  // A visitor requests another user's private channel from the unguarded default route.
  test("never streams private updates without topics, nor all channels at once", async (t) => {
    const { app, kit, listen } = application(t);
    app.get("/stream", kit.sse.stream());
    const origin = await listen();
    const stream = await openStream(t, `${origin}/stream?channel=orders/7`);
    await kit.sse.publish("orders/7", "secret", { private: true });
    await kit.sse.publish("orders/7", "public");
    assert.equal((await stream.next())?.data, "public");
    for (const query of ["channel=*", "channel=", "channel=a&channel=b", "channel={%2Ball}", "channel={"]) {
      assert.equal((await fetch(`${origin}/stream?${query}`)).status, 400, query);
    }
  });

  test("passes an error of the function to Express", async (t) => {
    const { app, kit, listen } = application(t);
    app.get(
      "/stream",
      kit.sse.stream(() => []),
    );
    const seen: { code?: string }[] = [];
    app.use((error: { code?: string }, _req: unknown, res: { sendStatus(status: number): void }, _next: unknown) => {
      seen.push(error);
      res.sendStatus(500);
    });
    assert.equal((await fetch(`${await listen()}/stream`)).status, 500);
    assert.equal(seen[0]?.code, "ERR_TOPIC");
  });

  test("rejects invalid topics when it is mounted", (t) => {
    const { kit } = application(t);
    assert.throws(() => kit.sse.stream(5 as unknown as string), { code: "ERR_TOPIC" });
  });

  test("accepts a model class as a topic, not as a function of the request", async (t) => {
    class TodoList {}
    const { app, kit, listen } = application(t);
    app.get("/stream", kit.sse.stream(TodoList));
    const stream = await openStream(t, `${await listen()}/stream`);
    await kit.sse.publish(TodoList, "x");
    assert.equal((await stream.next())?.data, "x");
  });
});
