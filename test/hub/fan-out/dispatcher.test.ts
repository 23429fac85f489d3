import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Dispatcher, type Recipient, stepsPerUpdate } from "../../../src/hub/fan-out/dispatcher.js";
import { work } from "../../../src/protocol/matching/work.js";
import { MemoryTransport } from "../../../src/transport/memory/memory.js";
import { cases } from "../../support/cases.js";
import { matchersOf } from "../../support/matchers-of.js";
import { draft, startHub, subscribe, token, turn, until } from "../fixture.js";
import { watchTurns } from "../work.js";

const selectors = ["a/1", "a/2", "b/1", "a/{x}", "{x}/1", "{+x}", "b/{x}", "*", "{+x}1", "a/{x}/1"];
const topics = ["a/1", "a/2", "b/1", "b/2", "a/1/1", "c"];

const hubUrl = "/.well-known/mercure";
const patterns = (from: number) => Array.from({ length: 199 }, (_, i) => `{+a}${(from + i).toString(36)}{+b}`);

describe("an update", () => {
  test("reaches exactly the subscribers that ask for it and can read it", async () => {
    const some = (values: string[]) => fc.subarray(values).map((each) => matchersOf(each));
    const recipients = fc.array(fc.record({ matchers: some(selectors), privateTopics: some(selectors) }), {
      maxLength: 6,
    });
    const updates = fc.array(fc.tuple(fc.subarray(topics, { minLength: 1 }), fc.boolean()), { maxLength: 8 });
    const property = fc.asyncProperty(recipients, updates, async (lists, published) => {
      const transport = new MemoryTransport();
      const dispatcher = new Dispatcher(transport);
      const received = lists.map(() => new Set<string>());
      lists.forEach(({ matchers, privateTopics }, index) => {
        const recipient: Recipient = {
          matchers,
          privateTopics,
          receive({ update }) {
            if (!update.private || privateTopics.matchesAny(update.topics)) received[index]!.add(update.data);
          },
          missed: () => assert.fail("there are few patterns"),
          end() {},
        };
        dispatcher.add(recipient);
      });
      for (const [index, [names, isPrivate]] of published.entries()) {
        await transport.publish(draft(names, `${index}`, { private: isPrivate }));
      }
      lists.forEach(({ matchers, privateTopics }, index) => {
        const expected = published.flatMap(([names, isPrivate], update) =>
          matchers.matchesAny(names) && (!isPrivate || privateTopics.matchesAny(names)) ? [`${update}`] : [],
        );
        assert.deepEqual([...received[index]!].sort(), expected.sort());
      });
      dispatcher.close();
    });
    await fc.assert(property, { numRuns: cases(500) });
  });
});

// One stranger subscribes to 199 patterns again and again. Each start and end of a stream publishes private events,
// which the hub would match against every subscriber's patterns.
test("subscription events skip the patterns of subscribers who cannot read them", async (t) => {
  const { hub, url } = await startHub(t);
  for (let i = 0; i < 3; i++) {
    assert.equal((await subscribe(t, url(patterns(i * 199)))).status, 200);
  }
  const before = work.steps;
  for (let i = 0; i < 5; i++) {
    const stream = await subscribe(t, url(`plain/${i}`));
    stream.close();
    await until(() => hub.connections === 3);
  }
  await hub.publish(draft("secret", "", { private: true }));
  assert.equal(work.steps, before);
  const another = await subscribe(t, url(patterns(0)));
  assert.equal(another.status, 200);
  assert.equal(work.steps, before);
});

// The stranger signs in: a token for their own topic must not add their patterns to the work of other users' updates.
test("a private update is matched against the patterns of its authorized readers alone", async (t) => {
  const { hub, url } = await startHub(t);
  const authorization = await token({ subscribe: ["users/7"] });
  const owner = await subscribe(t, url([...patterns(0), "{+user}"], { authorization }));
  const before = work.steps;
  await hub.publish(draft("users/8", "other", { private: true }));
  await (await subscribe(t, url("plain"))).close();
  assert.equal(work.steps, before);
  await hub.publish(draft("users/7", "own", { private: true }));
  await owner.until(({ data }) => data.includes("own"));
  assert.deepEqual(owner.data, ["own"]);
});

test("subscription events reach streams whose token grants them, by patterns too", async (t) => {
  const { url } = await startHub(t);
  const all = `${hubUrl}/subscriptions/{topic}/{subscriber}`;
  const authorization = await token({ subscribe: [all] });
  const watcher = await subscribe(t, url([all, ...patterns(0)], { authorization }));
  await subscribe(t, url("plain"));
  await watcher.until(({ data }) => data.some((each) => JSON.parse(each).topic === "plain"));
});

describe("an update of a new topic, with more patterns than one turn can match", () => {
  // One stranger opens many streams with patterns that fit any topic, and every update waits for all of them.
  test("reaches every subscriber in order, and other work gets turns in between", async (t) => {
    const { hub, url } = await startHub(t);
    const wide = await subscribe(t, url("{+topic}"));
    for (let i = 0; i < 5; i++) await subscribe(t, url(patterns(i * 199)));
    // The newest are matched last.
    const late = await subscribe(t, url(["{+t}/late/{+r}", "named"]));
    const seen = watchTurns(t);
    for (let i = 0; i < 40; i++) {
      await hub.publish(draft(i % 4 === 3 ? "named" : `x/late/${i}`, `${i}`));
      if (i % 5 === 0) await turn();
    }
    const all = Array.from({ length: 40 }, (_, i) => `${i}`);
    await late.until(({ data }) => data.length >= 40);
    await wide.until(({ data }) => data.length >= 40);
    assert.deepEqual(late.data, all);
    assert.deepEqual(wide.data, all);
    await hub.publish(draft("named", "end"));
    await late.until(({ data }) => data.includes("end"));
    assert.equal(late.data.length, 41);
    // Five updates arrive in one turn.
    assert.ok(seen.most < 6 * stepsPerUpdate, `${seen.most} steps in one turn`);
  });

  test("keeps the work of a turn below its max", async (t) => {
    const transport = new MemoryTransport();
    const dataAt = new Map<number, string>();
    transport.listen({ update: ({ position, update }) => void dataAt.set(position, update.data) });
    const dispatcher = new Dispatcher(transport);
    t.after(() => dispatcher.close());
    const missed: string[] = [];
    const received: string[] = [];
    for (let i = 0; i < 10; i++) {
      dispatcher.add({
        matchers: matchersOf([...patterns(i * 199), "{+everything}"]),
        privateTopics: matchersOf([]),
        receive: ({ update }) => received.push(`${i} ${update.data}`),
        missed(_after, through) {
          missed.push(`${i} ${dataAt.get(through)}`);
          return [];
        },
        end() {},
      });
    }
    for (let i = 0; i < 8; i++) {
      const before = work.steps;
      await transport.publish(draft(`topic/${"x".repeat(40)}/${i}`, `${i}`));
      assert.ok(work.steps - before < stepsPerUpdate + 10_000, `${work.steps - before} steps`);
      for (let each = 0; each < 10; each++) {
        assert.ok([...received, ...missed].includes(`${each} ${i}`), `${each} was not told of ${i}`);
      }
    }
    assert.ok(missed.length > 0);
    // The same topic again: the patterns that the last turn left out come first, until all results are cached.
    missed.length = 0;
    for (let i = 0; i < 60; i++) await transport.publish(draft("same", `${i}`));
    assert.ok(!missed.some((each) => each.endsWith(" 59")));
  });
});
