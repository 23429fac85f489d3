import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, test } from "node:test";
import type { SignalPublication } from "../../../src/index.js";
import { application } from "../../support/application.js";

function signals(t: Parameters<typeof application>[0]) {
  const { kit, errors } = application(t);
  const updates = kit.sse.updates({ match: "*", match_type: "uritemplate" });
  return { sse: kit.sse, errors, next: async () => (await updates.next()).value, emitter: new EventEmitter() };
}

describe("publishSignal", () => {
  test("publishes each event on a topic of its name, without data, until it is stopped", async (t) => {
    const { sse, emitter, next } = signals(t);
    const stop = sse.publishSignal(emitter, "saved");
    emitter.emit("saved", "ignored");
    const update = await next();
    assert.deepEqual([update.topics, update.data, update.type], [["saved"], "", undefined]);
    stop();
    assert.equal(emitter.listenerCount("saved"), 0);
  });

  test("derives the topic, the data and the type from the event", async (t) => {
    const { sse, emitter, next } = signals(t);
    sse.publishSignal<[number, string]>(emitter, "saved", {
      topic: (id) => `orders/${id}`,
      data: (_id, status) => ({ status }),
      eventAsType: true,
      private: true,
    });
    emitter.emit("saved", 7, "paid");
    const update = await next();
    assert.deepEqual(
      [update.topics, update.data, update.type, update.private],
      [["orders/7"], '{"status":"paid"}', "saved", true],
    );
  });

  test("sends the arguments: a single one, a list of several, or a CustomEvent's detail", async (t) => {
    const { sse, emitter, next } = signals(t);
    sse.publishSignal(emitter, "e", { argsAsData: true });
    emitter.emit("e", { a: 1 });
    emitter.emit("e", 1, 2);
    emitter.emit("e");
    assert.deepEqual([(await next()).data, (await next()).data, (await next()).data], ['{"a":1}', "[1,2]", ""]);

    const target = new EventTarget();
    const stop = sse.publishSignal(target, "e", { argsAsData: true, marshaler: (data) => `<${data}>` });
    target.dispatchEvent(new CustomEvent("e", { detail: "d" }));
    assert.equal((await next()).data, "<d>");
    stop();
    target.dispatchEvent(new CustomEvent("e", { detail: "late" }));
    await sse.publish("end", "end");
    assert.equal((await next()).data, "end");
  });

  test("lets a callback change a publication or cancel it", async (t) => {
    const { sse, emitter, next } = signals(t);
    sse.publishSignal<[number]>(emitter, "e", {
      argsAsData: true,
      async callback(publication, n) {
        if (n === 1) return false;
        publication.topics = "changed";
        publication.data = n * 10;
      },
    });
    emitter.emit("e", 1);
    emitter.emit("e", 2);
    const update = await next();
    assert.deepEqual([update.topics, update.data], [["changed"], "20"]);
  });

  test("keeps the options of each signal and each event apart", async (t) => {
    const { sse, emitter, next } = signals(t);
    const options = {
      private: true,
      callback: (publication: SignalPublication) => {
        publication.type ??= "once";
      },
    };
    sse.publishSignal(emitter, "a", options);
    sse.publishSignal(emitter, "b");
    emitter.emit("a");
    emitter.emit("b");
    emitter.emit("a");
    const updates = [await next(), await next(), await next()].map(({ topics, type, private: p }) => [
      topics[0],
      type,
      p,
    ]);
    assert.deepEqual(updates.sort(), [
      ["a", "once", true],
      ["a", "once", true],
      ["b", undefined, false],
    ]);
    assert.deepEqual(Object.keys(options), ["private", "callback"]);
  });

  test("rejects objects that emit nothing", (t) => {
    const { sse } = signals(t);
    assert.throws(() => sse.publishSignal({} as EventEmitter, "e"), { code: "ERR_OPTION" });
  });

  test("reports an error while publishing to a handler, never to the emitter", async (t) => {
    const { sse, emitter, errors } = signals(t);
    const seen: unknown[] = [];
    sse.publishSignal(emitter, "e", { topic: "", onError: (error) => void seen.push(error) });
    sse.publishSignal(emitter, "f", {
      data: () => {
        throw new Error("in data");
      },
    });
    emitter.emit("e");
    emitter.emit("f");
    await sse.publish("turn");
    while (seen.length === 0 || errors.length === 0) await new Promise(setImmediate);
    assert.equal((seen[0] as { code: string }).code, "ERR_TOPIC");
    assert.match(String((errors[0] as unknown[])[0]), /publishing the event "f" failed/);
  });
});
