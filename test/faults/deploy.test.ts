import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { systemClock } from "../../src/shared/clock.js";
import { publisherKey, token } from "../hub/fixture.js";
import { Readers } from "../support/readers.js";
import { until } from "../support/until.js";
import { faultsOf } from "./checker.js";
import { type HubProcess, openStore, startHubAt, stores } from "./hub-cluster.js";
import { transportAt } from "./open-transport.js";

const hubPath = "/.well-known/mercure";
const streams = 2000;
/** In seconds. */
const drainTimeout = 8;

/** Nodes behind a proxy that knows which of them drain. */
class Service {
  readonly sent: string[] = [];
  readonly acknowledged: string[] = [];
  /** The nodes that accept updates. */
  readonly nodes: HubProcess[] = [];
  readonly #draining = new Set<HubProcess>();
  #turn = 0;
  #isEnding = false;

  /** Returns the node for the next stream. */
  next(): HubProcess {
    const ready = this.nodes.filter((node) => !this.#draining.has(node));
    return ready[this.#turn++ % ready.length]!;
  }

  /** Replaces a node by one that starts at the same port after its end. */
  async deploy(index: number, start: (port: number) => Promise<HubProcess>): Promise<void> {
    const node = this.nodes[index]!;
    this.#draining.add(node);
    node.child.kill("SIGTERM");
    await once(node.child, "exit");
    this.nodes.splice(index, 1);
    this.nodes.splice(index, 0, await start(Number(new URL(node.origin).port)));
  }

  /** Publishes until the end of the deployment, at all nodes in turn. An update without an answer is published again. */
  async publish(publisher: number): Promise<void> {
    const authorization = `Bearer ${await token({ publish: ["*"] }, {}, publisherKey)}`;
    while (!this.#isEnding) {
      const data = `${publisher}-${this.sent.length}`;
      const body = new URLSearchParams({ topic: "a", data, id: `urn:uuid:${randomUUID()}` });
      this.sent.push(data);
      for (let attempt = publisher; ; attempt++) {
        const { origin } = this.nodes[attempt % this.nodes.length]!;
        const answer = await fetch(origin + hubPath, { method: "POST", body, headers: { authorization } }).catch(
          () => undefined,
        );
        await answer?.text();
        if (answer?.status === 200) break;
        assert.ok(answer === undefined || answer.status === 503, `${answer?.status}`);
        await setTimeout(20);
      }
      this.acknowledged.push(data);
      await setTimeout(200);
    }
  }

  end(): void {
    this.#isEnding = true;
  }
}

for (const { name, skip, open } of stores) {
  describe(`a deploy of two processes over ${name}, one after the other, with publishers at work`, { skip }, () => {
    test("hands 2,000 streams over: nothing is missed or repeated, no stream is refused, and drains end them", async (t) => {
      const [url, children] = await openStore(t, open);
      const start = (port?: number) => startHubAt(url, children, { nodeTimeout: 60, port, drainTimeout });
      const service = new Service();
      const readers = new Readers(systemClock, () => `${service.next().origin}${hubPath}?topic=a`);
      t.after(() => readers.close());
      const observer = transportAt(url);
      t.after(() => observer.close());
      await observer.ready;
      const positions = new Map<string, number>();
      observer.listen({
        update: ({ position, update: { topics, data } }) => {
          if (topics[0] === "a") positions.set(data, position);
        },
      });

      service.nodes.push(...(await Promise.all([start(), start()])));
      for (let count = 0; count < streams; count += 100) {
        readers.add(100);
        await until(() => readers.open === count + 100);
      }
      const started = systemClock.now();
      const publishing = [0, 1].map((publisher) => service.publish(publisher));
      for (const index of [0, 1]) {
        await service.deploy(index, start);
        // A request that is on its way to the next node when it begins to drain can take longer than the drain.
        await until(() => readers.open === streams);
      }
      service.end();
      await Promise.all(publishing);
      await until(() => readers.all.every(({ heard }) => heard.length >= service.sent.length));

      const { sent, acknowledged } = service;
      readers.close();
      await observer.close();
      assert.equal(acknowledged.length, sent.length);
      assert.deepEqual(faultsOf({ sent, acknowledged, nodes: readers.records(positions) }).slice(0, 10), []);
      assert.deepEqual(readers.refusals, []);
      assert.equal(readers.all.filter(({ gaps }) => gaps > 0).length, 0);
      assert.ok(readers.connects.length >= streams * 2, "every stream has moved");
      // A drain spreads the returns of its streams over a second more. A close that no drain precedes does not.
      const drained = readers.delays.filter((delay) => delay > 1000).length;
      // The number depends on the machine, so only the test by a virtual clock bounds it.
      t.diagnostic(`${name}: ${readers.peak(started)} connects in a second at most`);
      t.diagnostic(`${name}: ${sent.length} updates; drains ended ${drained} of ${readers.delays.length} streams`);
      assert.ok(drained > readers.delays.length / 2, `drains ended ${drained} of ${readers.delays.length} streams`);
    });
  });
}
