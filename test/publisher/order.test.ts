import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, type TestContext, test } from "node:test";
import { application } from "../support/application.js";

/** A promise to be kept later. */
function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function start(t: TestContext) {
  const { kit, errors } = application(t);
  const updates = kit.sse.updates({ match: "*", match_type: "uritemplate" });
  const take = async (count: number) => {
    const taken: string[] = [];
    while (taken.length < count) taken.push((await updates.next()).value!.data);
    return taken;
  };
  // Somebody streams the topic, so that functions are called for it.
  for (const topic of ["t", "a"]) kit.sse.hubUrl(topic);
  return { sse: kit.sse, take, errors, emitter: new EventEmitter() };
}

describe("updates keep the order of the calls", () => {
  test("of functions as data that take longer the earlier they are called", async (t) => {
    const { sse, take } = start(t);
    const waits = [deferred(), deferred(), deferred()];
    const published = waits.map(({ promise }, i) => sse.publish("t", () => promise.then(() => `${i}`)));
    for (const { resolve } of [...waits].reverse()) resolve();
    await Promise.all(published);
    assert.deepEqual(await take(3), ["0", "1", "2"]);
  });

  test("of a function that is there at once, and what is published after it", async (t) => {
    const { sse, take } = start(t);
    const published = [sse.publish("t", () => "function"), sse.publish("t", "plain"), sse.publish("t", () => "last")];
    await Promise.all(published);
    assert.deepEqual(await take(3), ["function", "plain", "last"]);
  });

  test("of a slow function and what shares one of its topics, and of nothing else", async (t) => {
    const { sse, take } = start(t);
    const slow = deferred();
    const published = [
      sse.publish(["t", "a"], () => slow.promise.then(() => "slow")),
      sse.publish(["a", "b"], "after slow"),
      sse.publish("b", "after that"),
    ];
    await sse.publish("elsewhere", "at once");
    slow.resolve();
    await Promise.all(published);
    assert.deepEqual(await take(4), ["at once", "slow", "after slow", "after that"]);
  });

  test("of events whose callbacks take longer the earlier they were emitted", async (t) => {
    const { sse, take, emitter } = start(t);
    const waits = [deferred(), deferred(), deferred()];
    sse.publishSignal<[number]>(emitter, "saved", {
      argsAsData: true,
      callback: async (publication, i) => {
        await waits[i]!.promise;
        publication.topics = `t/${i}`;
      },
    });
    for (const i of waits.keys()) emitter.emit("saved", i);
    for (const { resolve } of [...waits].reverse()) resolve();
    assert.deepEqual(await take(3), ["0", "1", "2"]);
  });

  test("of an event and what is published on its topic after it, with and without a callback", async (t) => {
    const { sse, take, emitter } = start(t);
    const slow = deferred();
    sse.publishSignal(emitter, "quick", { topic: "t", argsAsData: true });
    sse.publishSignal(emitter, "slow", { topic: "t", argsAsData: true, callback: () => slow.promise });
    emitter.emit("quick", "1");
    const second = sse.publish("t", "2");
    emitter.emit("slow", "3");
    emitter.emit("quick", "4");
    const last = sse.publish("t", "5");
    await second;
    slow.resolve();
    await last;
    assert.deepEqual(await take(5), ["1", "2", "3", "4", "5"]);
  });

  test("beside one that fails or is cancelled", async (t) => {
    const { sse, take, emitter, errors } = start(t);
    const slow = deferred();
    sse.publishSignal<[string]>(emitter, "e", {
      topic: "t",
      argsAsData: true,
      callback: async (_publication, text) => {
        if (text === "slow") await slow.promise;
        if (text === "failing") throw new Error("no connection");
        return text !== "cancelled";
      },
    });
    for (const text of ["slow", "failing", "cancelled", "last"]) emitter.emit("e", text);
    const failing = sse.publish("t", async () => {
      throw new Error("no translation");
    });
    const last = sse.publish("t", "end");
    await assert.rejects(failing, /no translation/);
    slow.resolve();
    await last;
    assert.deepEqual(await take(3), ["slow", "last", "end"]);
    assert.match(String((errors[0] as unknown[])[0]), /publishing the event "e" failed/);
  });
});

test("a function or a callback may itself publish on the topic, and wait for it", async (t) => {
  const { sse, take, emitter } = start(t);
  await sse.publish("t", async () => {
    await sse.publish("t", "inner");
    await sse.publish("t", async () => "inner function");
    return "outer";
  });
  const done = deferred();
  sse.publishSignal(emitter, "e", {
    topic: "t",
    data: "event",
    callback: async () => {
      await sse.publish("t", "from the callback");
      done.resolve();
    },
  });
  emitter.emit("e");
  await done.promise;
  assert.deepEqual(await take(5), ["inner", "inner function", "outer", "from the callback", "event"]);
});

test("a variant that a page begins to stream while a function waits its turn is rendered too", async (t) => {
  const { kit, app, listen } = application(t, { "templates/page.njk": '<% MercureStream topic="t" variant=locale %>' });
  app.get("/", (req, res) => res.render("page.njk", { locale: req.query.locale }));
  const url = await listen();
  await fetch(`${url}/?locale=de`);
  const slow = deferred();
  const ids = kit.sse.publish("t", (variant: string) => slow.promise.then(() => variant));
  await fetch(`${url}/?locale=fr`);
  slow.resolve();
  assert.equal((await ids).length, 2);
});
