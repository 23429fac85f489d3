import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { wire } from "../../../src/client/core/connection.js";
import { SharedConnection } from "../../../src/client/core/shared-connection.js";
import { parseAddress } from "../../../src/client/core/stream-address.js";
import { application } from "../../support/application.js";
import { isQuick } from "../../support/depth.js";
import { until } from "../../support/until.js";

before(() => {
  Object.assign(globalThis, { location: { origin: "http://x" } });
});
after(() => {
  Reflect.deleteProperty(globalThis, "location");
});

const hubPath = "/.well-known/mercure";

/** Random numbers from 0 to 1, the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** A hub that answers each request after a random time, and a connection that streams share. */
async function start(t: TestContext, random: () => number) {
  let requests = 0;
  const { kit, listen } = application(
    t,
    {},
    { shareConnections: true },
    {
      before: (app) => {
        app.use((req, res, next) => {
          requests += 1;
          // On a reused socket that the server closes, a browser asks again, and Node fails.
          res.shouldKeepAlive = false;
          req.headers["sec-fetch-site"] = "same-origin";
          setTimeout(next, random() * 20);
        });
      },
    },
  );
  const hub = `${await listen()}${hubPath}`;
  const connection = new SharedConnection(`${hub}/streams`, wire);
  let opened = 0;
  /** Reads a stream, as its source in the page does. */
  const join = () => {
    const name = (++opened).toString(16).padStart(32, "0");
    const got: string[] = [];
    const abort = new AbortController();
    const stream = { got, isOpen: false, gaps: 0, outcome: undefined as unknown, leave: () => abort.abort() };
    t.after(() => abort.abort());
    const address = parseAddress(`${kit.sse.hubUrl("a")}&stream=${name}`, hub);
    void connection
      .read({
        address,
        cursor: address.cursor!,
        origin: "http://x",
        signal: abort.signal,
        timeout: 10_000,
        receiver: {
          opened: () => {
            stream.isOpen = true;
          },
          heard: () => {},
          event: ({ data }) => void (abort.signal.aborted || got.push(data)),
          lastEventId: () => {},
          retry: () => {},
        },
      })
      .then((outcome) => {
        stream.outcome = outcome;
      });
    return stream;
  };
  return { kit, connection, join, requests: () => requests };
}

describe("streams that join and leave a shared connection at random", () => {
  for (const seed of isQuick ? [1, 2] : [1, 2, 3, 4, 5, 6]) {
    test(`get each update once and in order, and begin and end once for the hub, with the seed ${seed}`, async (t) => {
      const random = randomOf(seed);
      const { kit, join } = await start(t, random);
      const changes = { true: 0, false: 0 };
      kit.hub.onSubscription(({ active }) => changes[`${active}`]++);
      const all: ReturnType<typeof join>[] = [];
      const open = new Set<(typeof all)[number]>();
      let count = 0;
      let isOver = false;
      const publishing = (async () => {
        while (!isOver) {
          await kit.sse.publish("a", `${++count}`);
          await wait(random() * 4);
        }
      })();
      for (let round = 0; round < 40; round += 1) {
        const [oldest] = open;
        // The last stream stays: its leaving aborts a request on the way, which the hub answers until it hears of that.
        if (oldest?.isOpen && open.size > 1 && (open.size > 6 || random() < 0.4)) {
          open.delete(oldest);
          oldest.leave();
        } else {
          const stream = join();
          all.push(stream);
          open.add(stream);
        }
        await wait(random() * 30);
      }
      await until(() => [...open].every(({ isOpen }) => isOpen));
      isOver = true;
      await publishing;
      await until(() => [...open].every(({ got }) => got.at(-1) === `${count}`));
      await until(() => kit.hub.connections === open.size);
      for (const { got, outcome } of all) {
        const first = Number(got[0] ?? 0);
        assert.deepEqual(
          got,
          got.map((_, index) => `${first + index}`),
        );
        assert.ok(outcome === undefined || (outcome as { reason: string }).reason === "aborted");
      }
      // If all streams of a connection have left before the next one opens, the hub waits two seconds for their return.
      await until(() => changes.false >= all.length - open.size);
      assert.deepEqual(changes, { true: all.length, false: all.length - open.size });
    });
  }
});

describe("the connection of streams", () => {
  /** Resolves when the connection has had its time to do without a stream that left before. */
  const leaveTime = () => wait(100);

  test("is asked for once by a stream that leaves and comes back at once", async (t) => {
    const { join, requests } = await start(t, () => 0);
    const first = join();
    await until(() => first.isOpen);
    first.leave();
    const second = join();
    await leaveTime();
    await until(() => second.isOpen);
    assert.equal(requests(), 2);
    const third = join();
    await until(() => third.isOpen);
    assert.equal(requests(), 3);
  });

  // A later connection would take the place of the leader's at the hub.
  test("is not replaced by a tab that no longer leads", async (t) => {
    const { connection, join, requests } = await start(t, () => 0);
    const streams = [join(), join(), join()];
    await until(() => streams.every(({ isOpen }) => isOpen));
    connection.isRetired = true;
    streams[0]!.leave();
    await leaveTime();
    connection.isRetired = false;
    const next = join();
    await until(() => next.isOpen);
    assert.equal(requests(), 2);
  });
});
