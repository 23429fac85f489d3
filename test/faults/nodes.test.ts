import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { publisherKey, type Subscriber, subscribe, token } from "../hub/fixture.js";
import { until } from "../support/until.js";
import { type HubProcess, openCluster, stores } from "./hub-cluster.js";

const hubPath = "/.well-known/mercure";
const events = `${hubPath}/subscriptions/x`;

const bearer = async (subject: string) => ({
  Authorization: `Bearer ${await token({ subscribe: ["x", events, `${hubPath}/subscriptions`] }, { sub: subject })}`,
});

const url = ({ origin }: HubProcess, topic: string) => `${origin}${hubPath}?${new URLSearchParams({ topic })}`;

/** Returns the subscribers of the topic x, as a node lists them. */
async function list({ origin }: HubProcess): Promise<string[]> {
  const answer = await fetch(`${origin}${events}`, { headers: await bearer("watcher") });
  const { subscriptions } = (await answer.json()) as { subscriptions: { subscriber: string }[] };
  return subscriptions.map(({ subscriber }) => subscriber).sort();
}

/** Resolves once each of the nodes lists as many streams of the topic x, and returns the list, which is the same on all. */
async function listed(nodes: readonly HubProcess[], count: number): Promise<string[]> {
  let lists: string[][] = [];
  await until(async () => {
    lists = await Promise.all(nodes.map(list));
    return lists.every(({ length }) => length === count);
  });
  for (const each of lists) assert.deepEqual(each, lists[0]);
  return lists[0]!;
}

/** Returns what a watcher has heard about each stream, in order: true for its start. */
function heard({ data }: Subscriber): ReadonlyMap<string, readonly boolean[]> {
  const states = new Map<string, boolean[]>();
  for (const { subscriber, active } of data.map(
    (text) => JSON.parse(text) as { subscriber: string; active: boolean },
  )) {
    states.set(subscriber, [...(states.get(subscriber) ?? []), active]);
  }
  return states;
}

/** Resolves once each watcher has heard of the end of streams, and checks that none was told anything twice. */
async function endsHeard(watchers: readonly Subscriber[], streams: readonly string[]): Promise<void> {
  await until(() => watchers.every((watcher) => streams.every((id) => heard(watcher).get(id)?.at(-1) === false)));
  for (const watcher of watchers) {
    for (const [id, states] of heard(watcher)) {
      assert.ok(
        states.every((isActive, index) => isActive === (index % 2 === 0)),
        `${id}: ${states}`,
      );
    }
  }
}

/** Whether a process is paused, by Linux's files of processes. */
function isStopped({ child }: HubProcess): boolean {
  const stat = readFileSync(`/proc/${child.pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
}

async function publish({ origin }: HubProcess, data: string): Promise<void> {
  const authorization = `Bearer ${await token({ publish: ["*"] }, {}, publisherKey)}`;
  const body = new URLSearchParams({ topic: "x", data });
  const answer = await fetch(`${origin}${hubPath}`, { method: "POST", body, headers: { authorization } });
  assert.equal(answer.status, 200, await answer.text());
}

for (const { name, skip, hasLease, open } of stores) {
  describe(`processes of one hub over ${name}`, { skip }, () => {
    test("know the same streams when one is paused, is killed or shuts down, and announce each change once", async (t) => {
      const start = await openCluster(t, open, 6);
      const nodes = await Promise.all([start(), start(), start()]);
      const [a, b, c] = nodes;
      const watchers = await Promise.all(
        [a, b].map(async (node) => subscribe(t, url(node, events), await bearer("w"))),
      );
      const atB = await subscribe(t, url(b, "x"), await bearer("ada"));
      const [idOfB] = await listed(nodes, 1);
      const atC: Subscriber[] = [];
      for (let i = 0; i < 3; i++) atC.push(await subscribe(t, url(c, "x"), await bearer("ada")));
      const all = await listed(nodes, 4);
      const idsOfC = all.filter((id) => id !== idOfB);

      c.child.kill("SIGSTOP");
      if (hasLease) {
        // Longer than its lease: its streams have ended for the others.
        await listed([a, b], 1);
        await endsHeard(watchers, idsOfC);
      } else await listed([a, b], 4);
      await publish(a, "meanwhile");
      c.child.kill("SIGCONT");
      assert.deepEqual(await listed(nodes, 4), all, "after its pause");
      await until(() => watchers.every((watcher) => idsOfC.every((id) => heard(watcher).get(id)?.at(-1) === true)));
      for (const stream of atC) await stream.until(({ data }) => data.includes("meanwhile"));

      c.child.kill("SIGKILL");
      assert.deepEqual(await listed([a, b], 1), [idOfB]);
      await endsHeard(watchers, idsOfC);

      b.child.kill("SIGTERM");
      await atB.until(({ ended }) => ended);
      await listed([a], 0);
      await endsHeard([watchers[0]!], all);
    });

    test("leave the truth as the last event of each stream when two of three are paused, and when all are killed and one starts again at the same port", async (t) => {
      const start = await openCluster(t, open, 3);
      const nodes = await Promise.all([start(), start(), start()]);
      const [a, b, c] = nodes;
      const watcher = await subscribe(t, url(c, events), await bearer("w"));
      for (const node of [a, b, c]) await subscribe(t, url(node, "x"), await bearer("ada"));
      const all = await listed(nodes, 3);
      a.child.kill("SIGSTOP");
      b.child.kill("SIGSTOP");
      if (hasLease) await listed([c], 1);
      for (const { child } of [b, a]) child.kill("SIGCONT");
      assert.deepEqual(await listed(nodes, 3), all, "after their pause");
      await until(() => all.every((id) => heard(watcher).get(id)?.at(-1) === true));

      for (const { child } of nodes) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      const again = await start(Number(new URL(c.origin).port));
      // The watcher resumes where it was, at the new node of the same address.
      const resumed = await subscribe(t, url(again, events), {
        ...(await bearer("w")),
        "Last-Event-ID": watcher.events.at(-1)!.id!,
      });
      await listed([again], 0);
      await until(() => all.every((id) => heard(resumed).get(id)?.at(-1) === false));
      for (const id of all) {
        const states = [...heard(watcher).get(id)!, ...heard(resumed).get(id)!];
        assert.ok(
          states.every((isActive, index) => isActive === (index % 2 === 0)),
          `${id}: ${states}`,
        );
      }
    });

    test("are announced once, if the process that is about to announce them is paused, and continues later", async (t) => {
      const start = await openCluster(t, open, 3);
      const nodes = await Promise.all([start(), start(), start()]);
      const [a, ...others] = nodes;
      const watchers = await Promise.all(
        others.map(async (node) => subscribe(t, url(node, events), await bearer("w"))),
      );
      for (let i = 0; i < 3; i++) await subscribe(t, url(a, "x"), await bearer("ada"));
      const all = await listed(nodes, 3);
      await until(() => watchers.every((watcher) => heard(watcher).size === 3));
      for (const { origin } of others) assert.equal((await fetch(`${origin}/freeze`)).status, 200);
      a.child.kill("SIGKILL");
      await until(() => others.some(isStopped));
      const frozen = others.findIndex(isStopped);
      await endsHeard([watchers[1 - frozen]!], all);
      assert.ok(isStopped(others[frozen]!));
      others[frozen]!.child.kill("SIGCONT");
      await listed(others, 0);
      await endsHeard(watchers, all);
      await publish(others[frozen]!, "after the pause");
      await endsHeard(watchers, all);
    });

    test("end the streams of a subject on all nodes, and refuse its tokens on a node that starts later", async (t) => {
      const start = await openCluster(t, open, 60);
      const [a, b] = await Promise.all([start(), start()]);
      const headers = await bearer("ada");
      const stream = await subscribe(t, url(b, "x"), headers);
      const other = await subscribe(t, url(b, "x"), await bearer("grace"));
      await listed([a, b], 2);
      assert.equal((await fetch(`${a.origin}/disconnect?subject=ada`)).status, 200);
      // The answer comes after the end of the streams on both nodes.
      assert.deepEqual([(await list(a)).length, (await list(b)).length], [1, 1]);
      await stream.until(({ ended }) => ended);
      assert.equal(other.ended, false);
      const late = await start();
      for (const node of [a, b, late]) {
        assert.equal((await subscribe(t, url(node, "x"), headers)).status, 401);
        assert.equal((await subscribe(t, url(node, "x"), await bearer("grace"))).status, 200);
      }
    });
  });
}
