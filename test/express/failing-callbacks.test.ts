import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, test } from "node:test";
import type { MercureOptions } from "../../src/index.js";
import { application, streamUrlOf } from "../support/application.js";
import { openStream } from "../support/event-stream.js";
import { fatalErrors } from "../support/fatal-errors.js";
import { until } from "../support/until.js";

const failing: Readonly<Record<string, () => never>> = {
  throws: () => {
    throw new Error("no database");
  },
  rejects: (async () => {
    throw new Error("no database");
  }) as unknown as () => never,
};

describe("an application's function that fails", () => {
  for (const [how, fail] of Object.entries(failing)) {
    for (const option of ["payloadGetter", "subjectGetter", "authorize"] as const) {
      // One visit of a page would end the process for all.
      test(`is an error of the request, where ${option} ${how}`, async (t) => {
        const fatal = fatalErrors(t);
        const options: MercureOptions = { [option]: fail };
        const { app, kit, listen } = application(
          t,
          { "templates/index.njk": '<% MercureStream topic="t" private %>' },
          { development: false, ...options },
        );
        app.get("/", (_req, res) => res.render("index"));
        app.get("/cookie", (_req, res) => {
          kit.sse.setAuthzCookie(res, "t");
          res.end();
        });
        app.get("/stream", kit.sse.stream("t"));
        const origin = await listen();
        assert.equal((await fetch(origin)).status, 500);
        if (option !== "authorize") {
          assert.equal((await fetch(`${origin}/cookie`)).status, 500);
          assert.equal((await fetch(`${origin}/stream`)).status, 500);
        }
        assert.equal(kit.hub.connections, 0);
        assert.deepEqual(fatal, []);
      });
    }

    test(`counts a nameless person and is logged, where presenceKey ${how}`, async (t) => {
      const fatal = fatalErrors(t);
      const { app, kit, errors, listen } = application(
        t,
        { "templates/index.njk": '<% MercureStream topic="t" %>{{ mercure_presence("t") | length }}' },
        { presenceKey: fail },
      );
      app.get("/", (_req, res) => res.render("index"));
      const origin = await listen();
      const page = await (await fetch(origin)).text();
      await openStream(t, streamUrlOf(page, origin));
      await until(() => kit.sse.presence("t").length === 1);
      assert.match(JSON.stringify(errors), /the option presenceKey failed/);
      assert.deepEqual(fatal, []);
    });

    test(`rejects the publish alone, where a model's function ${how}`, async (t) => {
      const fatal = fatalErrors(t);
      for (const part of ["id", "topic", "props"] as const) {
        const { kit } = application(t, { "components/Item.njk": "{{ title }}" });
        class Item {
          readonly id = 1;
        }
        kit.sse.model(Item, { [part]: fail });
        await assert.rejects(kit.sse.publish(new Item()), Error, part);
      }
      assert.deepEqual(fatal, []);
    });

    test(`is logged, where a listener of signals ${how}`, async (t) => {
      const fatal = fatalErrors(t);
      const { kit, errors } = application(t);
      const emitter = new EventEmitter();
      for (const part of ["topic", "data", "marshaler", "callback"] as const) {
        kit.sse.publishSignal(emitter, "saved", { [part]: fail, onError: fail });
      }
      emitter.emit("saved", 1);
      await until(() => errors.length >= 1);
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      assert.deepEqual(fatal, []);
    });

    test(`leaves streams unchanged, where a listener of subscriptions ${how}`, async (t) => {
      const fatal = fatalErrors(t);
      const { app, kit, errors, listen } = application(t);
      kit.hub.onSubscription(fail);
      app.get("/", kit.sse.stream("t"));
      const stream = await openStream(t, await listen());
      await kit.sse.publish("t", "on");
      assert.equal((await stream.next())?.data, "on");
      assert.equal(errors.length, 1);
      assert.deepEqual(fatal, []);
    });
  }
});
