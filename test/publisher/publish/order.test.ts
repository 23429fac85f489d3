import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, type TestContext, test } from "node:test";
import { application } from "../../support/application.js";

/** A promise that is settled later. */
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
  // A stream of the topic, so that functions are called for it.
  for (const topic of ["t", "a"]) kit.sse.hubUrl(topic);
  return { sse: kit.sse, take, errors, emitter: new EventEmitter() };
}

describe("updates keep the order of the calls", () => {
  test("for functions as data, even when earlier calls take longer", async (t) => {
    const { sse, take } = start(t);
    const waits = [deferred(), deferred(), deferred()];
    const published = waits.map(({ promise }, i) => sse.publish("t", () => promise.then(() => `${i}`)));
    for (const { resolve } of [...waits].reverse()) resolve();
    await Promise.all(published);
    assert.deepEqual(await take(3), ["0", "1", "2"]);
  });

  test("for a function that returns at once, and the next update", async (t) => {
    const { sse, take } = start(t);
    const published = [sse.publish("t", () => "function"), sse.publish("t", "plain"), sse.publish("t", () => "last")];
    await Promise.all(published);
    assert.deepEqual(await take(3), ["function", "plain", "last"]);
  });

  test("for a slow function and updates that share one of its topics, and no others", async (t) => {
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

  test("for events, even when earlier callbacks take longer", async (t) => {
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

  test("for an event and the next update of its topic, with and without a callback", async (t) => {
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

  test("beside an update that fails or is cancelled", async (t) => {
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

test("updates keep their order while a function or a callback awaits a publish on the same topic", async (t) => {
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

test("updates keep their order while a page adds a variant, which is rendered too", async (t) => {
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
