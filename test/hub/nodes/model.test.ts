import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { cases } from "../../support/cases.js";
import { isQuick } from "../../support/depth.js";
import { eventFaults, type HeardEvent } from "./event-faults.js";
import { ModelledCluster } from "./modelled-cluster.js";

const maxNodes = 5;

/** A step that a run takes if it is possible; after it, every running node must list the streams of the model. */
class Step implements fc.AsyncCommand<object, ModelledCluster> {
  readonly #name: string;
  readonly #take: (cluster: ModelledCluster) => unknown;

  constructor(name: string, take: (cluster: ModelledCluster) => unknown) {
    this.#name = name;
    this.#take = take;
  }

  check(): boolean {
    return true;
  }

  async run(_model: object, cluster: ModelledCluster): Promise<void> {
    await this.#take(cluster);
    await cluster.settle();
  }

  toString(): string {
    return this.#name;
  }
}

/** A step with one of those that it can be taken with; with none, nothing happens. */
function stepWith<T>(
  name: string,
  choices: (cluster: ModelledCluster) => readonly T[],
  take: (cluster: ModelledCluster, choice: T, number: number) => unknown,
): fc.Arbitrary<Step> {
  return fc.nat(9).map(
    (number) =>
      new Step(`${name} ${number}`, (cluster) => {
        const all = choices(cluster);
        return all.length === 0 ? undefined : take(cluster, all[number % all.length]!, number);
      }),
  );
}

const connect = stepWith(
  "connect",
  ({ running }) => running,
  (cluster, node) => cluster.connect(node),
);
const leave = stepWith(
  "leave",
  ({ open }) => open,
  (cluster, [node, stream]) => cluster.leave(node, stream),
);
const steps = [
  connect,
  connect,
  connect,
  leave,
  stepWith(
    "die",
    ({ mortal }) => mortal,
    (cluster, node) => cluster.die(node),
  ),
  stepWith(
    "shut down",
    ({ mortal }) => mortal,
    (cluster, node) => cluster.shutDown(node),
  ),
  stepWith(
    "stand still",
    ({ replaceable }) => replaceable,
    (cluster, node) => cluster.standStill(node),
  ),
  ...(["answers", "timers"] as const).map((first) =>
    stepWith(
      `continue, ${first} first:`,
      ({ paused }) => paused,
      (cluster, node) => cluster.goOn(node, first),
    ),
  ),
  stepWith(
    "continue and die",
    ({ mortalWhenBack }) => mortalWhenBack,
    (cluster, node, number) => cluster.comeBackAndDie(node, 3 * number),
  ),
  fc.constant(
    new Step("start", (cluster) =>
      cluster.running.length + cluster.paused.length < maxNodes ? cluster.start() : undefined,
    ),
  ),
  ...[2, 6, 25].map((seconds) => fc.constant(new Step(`wait ${seconds}`, (cluster) => cluster.wait(seconds)))),
];

describe("subscriptions of several nodes beside a model", () => {
  test("every living node lists the streams of the living nodes and the people of presence, and announces each change once, whichever nodes die, start, shut down or are paused", async (t) => {
    const seed = Number(process.env.SEED ?? 1);
    t.diagnostic(`SEED=${seed}`);
    await fc.assert(
      fc.asyncProperty(fc.commands(steps, { size: "+1", maxCommands: 30 }), async (commands) => {
        const cluster = new ModelledCluster();
        try {
          await cluster.begin(2);
          await fc.asyncModelRun(() => ({ model: {}, real: cluster }), commands);
          await cluster.finish();
        } finally {
          await cluster.close();
        }
      }),
      { numRuns: isQuick ? 5 : cases(200), seed },
    );
  });
});

describe("the checker of events", () => {
  const history = (text: string): HeardEvent[] =>
    text.split(" ").map((word) => ({ subscriber: word.slice(1), active: word.startsWith("+") }));
  const open = { isOpen: true, absences: 0 };
  const ended = { isOpen: false, absences: 0 };

  test("accepts one active and one inactive event for each stream, and more for each absence", () => {
    assert.deepEqual(eventFaults(history("+a +b -a"), new Map(Object.entries({ a: ended, b: open }))), []);
    assert.deepEqual(eventFaults(history("+a -a +a"), new Map([["a", { isOpen: true, absences: 1 }]])), []);
  });

  for (const [what, text, truth, fault] of [
    ["two active events", "+a +a", open, /does not alternate/],
    ["two inactive events", "+a -a -a", ended, /does not alternate/],
    ["an end without a start", "-a", ended, /does not alternate/],
    ["an event that is missing", "+a", ended, /is ended/],
    ["an end that is not true", "+a -a", open, /is open/],
    ["a start without an absence", "+a -a +a -a", ended, /begins too often/],
    ["an unknown stream", "+a -a +b", ended, /b: unknown/],
  ] as const) {
    test(`reports ${what}`, () => {
      assert.match(eventFaults(history(text), new Map([["a", truth]])).join("\n"), fault);
    });
  }
});
