import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ControlChannel } from "../../../src/hub/auth/control-channel.js";
import { SubscriptionScope } from "../../../src/hub/fan-out/subscription-scope.js";
import { HubNodes } from "../../../src/hub/nodes/hub-nodes.js";
import { ActiveSubscriptions } from "../../../src/hub/streams/active-subscriptions.js";
import { MatcherList } from "../../../src/protocol/matching/matcher.js";
import { matchersOf } from "../../support/matchers-of.js";
import type { HeardEvent } from "./event-faults.js";
import { NodeCluster } from "./node-cluster.js";

const hubPath = "/.well-known/mercure";
/** See `maxUnannounced` in `subscription-events.ts`. */
const max = 5000;

describe("streams that begin and end while their node cannot reach the store", () => {
  test("are announced once it can, each with its start and its end, and of more than 5,000 the oldest are never announced", async (t) => {
    const cluster = new NodeCluster(t);
    const events: HeardEvent[] = [];
    const { transport: observer } = await cluster.connect();
    observer.listen({
      update: ({ update }) => {
        if (update.topics[0]!.startsWith(`${hubPath}/subscriptions/`))
          events.push(JSON.parse(update.data) as HeardEvent);
      },
    });
    const { link, transport } = await cluster.connect();
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const subscriptions = new ActiveSubscriptions(hubPath, transport, cluster.clock, onError);
    const channel = new ControlChannel(transport, hubPath);
    const nodes = new HubNodes(transport.nodes, channel, subscriptions, () => {}, onError, cluster.clock);
    t.after(() => nodes.close());
    link.isolate();
    await cluster.until(() => transport.state === "away");

    const scope = new SubscriptionScope(matchersOf(["x"]), new MatcherList([]));
    const ids = Array.from({ length: max + 100 }, (_, i) => `urn:uuid:${i}`);
    for (const id of ids) {
      subscriptions.begin(scope, () => undefined, id);
      subscriptions.end(scope, id);
    }
    const waiting = () => [...transport.nodes.entries("s/")].length;
    await cluster.until(() => waiting() <= max);
    assert.equal(waiting(), max, "the memory is bounded");

    link.reconnect();
    await cluster.until(() => waiting() === 0);
    const states = new Map<string, boolean[]>();
    for (const { subscriber, active } of events) states.set(subscriber, [...(states.get(subscriber) ?? []), active]);
    assert.deepEqual(new Set(states.keys()), new Set(ids.slice(-max)));
    assert.ok([...states.values()].every((each) => each.join() === "true,false"));
  });
});
