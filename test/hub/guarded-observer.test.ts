import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { draft, startHub, subscribe, until } from "./fixture.js";

const failures: Readonly<Record<string, () => void>> = {
  throw: () => {
    throw new Error("no metrics");
  },
  reject: async () => {
    throw new Error("no metrics");
  },
};

describe("an observer whose methods fail", () => {
  for (const [how, fail] of Object.entries(failures)) {
    // A metrics function that throws in a timer would end the process, and with it every stream.
    test(`leaves streams and publishers unchanged, and is logged once for each method, when they ${how}`, async (t) => {
      const { hub, url, errors } = await startHub(t, {
        observer: { subscribed: fail, unsubscribed: fail, published: fail },
      });
      const subscribers = [await subscribe(t, url("a")), await subscribe(t, url("a"))];
      for (const data of ["1", "2"]) await hub.publish(draft("a", data));
      for (const subscriber of subscribers) await subscriber.until(({ data }) => data.length === 2);
      for (const subscriber of subscribers) subscriber.close();
      await until(() => hub.connections === 0 && errors.length === 3);
      assert.deepEqual(
        errors.map((error) => (error as Error).message),
        ["no metrics", "no metrics", "no metrics"],
      );
    });
  }
});

describe("a logger that fails", () => {
  for (const [how, fail] of Object.entries(failures)) {
    // The answer must reach its client even when the logger fails.
    test(`leaves the answer unchanged when its methods ${how}`, async (t) => {
      t.mock.method(console, "error", () => {});
      const { url, hub } = await startHub(t, {
        logger: { warn: fail, error: fail },
        observer: { subscribed: fail, unsubscribed: fail, published: fail },
      });
      const subscriber = await subscribe(t, url("a"));
      await hub.publish(draft("a", "1"));
      await subscriber.until(({ data }) => data.length === 1);
      subscriber.close();
      await until(() => hub.connections === 0);
    });
  }
});
