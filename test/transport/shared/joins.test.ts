import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { PostgresLog } from "../../../src/transport/postgres/postgres-log.js";
import { parseRedisUrl } from "../../../src/transport/redis/address.js";
import { Connector } from "../../../src/transport/redis/connection.js";
import { keysOf } from "../../../src/transport/redis/keys.js";
import { RedisLog } from "../../../src/transport/redis/redis-log.js";
import type { SharedLog } from "../../../src/transport/shared/shared-log.js";
import { cases } from "../../support/cases.js";
import { PostgresServer, withoutPostgres } from "../../support/postgres-server.js";
import { RedisServer, withoutRedis } from "../../support/redis.js";
import { marksAfterJoin } from "./join-marks.js";

/** An event of a log. A place is a distance from the newest record, in records and in positions. */
type Step =
  | { readonly kind: "append" }
  | { readonly kind: "join"; readonly head: number; readonly heard: Place; readonly lost: Place; readonly seen: Place };

/** A record, counted from the newest one, and a distance from it; undefined for 0. */
type Place = readonly [record: number, distance: number] | undefined;

const place: fc.Arbitrary<Place> = fc.option(fc.tuple(fc.nat({ max: 3 }), fc.constantFrom(-1, 0, 0, 0, 1, 5000)), {
  nil: undefined,
});
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.constant({ kind: "append" as const }),
  fc.record({
    kind: fc.constant("join" as const),
    head: fc.constantFrom(0, 1, 10_000),
    heard: place,
    lost: place,
    seen: place,
  }),
);

/** Joins a log as nodes with any knowledge do, and compares each answer with the model of `marksAfterJoin`. */
async function compareJoins(log: SharedLog, steps: readonly Step[]): Promise<void> {
  let marks = { last: 0, lost: 0, seen: 0 };
  const records: number[] = [];
  const positionOf = (of: Place): number => (of === undefined ? 0 : Math.max(0, (records.at(-1 - of[0]) ?? 0) + of[1]));
  const join = async (head: number, heard: number, lost: number, seen: number): Promise<void> => {
    const member = { node: randomUUID(), head, heard, marks: { lost, seen }, key: undefined, lease: 60_000 };
    const expected = marksAfterJoin(marks, member, heard === 0 || records.includes(heard));
    log.leave();
    const answer = await log.join(member);
    const { last, missed } = answer;
    assert.deepEqual({ last, missed, lost: answer.lost, seen: answer.seen }, expected);
    marks = expected;
  };
  await join(0, 0, 0, 0);
  for (const each of steps) {
    if (each.kind === "append") {
      const content = { draft: { topics: ["t"], data: "", private: false } };
      const [position] = await log.append([{ origin: randomUUID(), content, repeats: 0 }], marks.last);
      records.push(position!);
      marks.last = position!;
    } else {
      const heard = positionOf(each.heard);
      await join(heard + each.head, heard, positionOf(each.lost), positionOf(each.seen));
    }
  }
  log.leave();
}

const steps = fc.array(step, { minLength: 30, maxLength: 60 });
const runs = { numRuns: cases(10) };

describe("a join of a log in Redis", { skip: withoutRedis }, () => {
  let server: RedisServer;
  before(async () => {
    server = await RedisServer.start();
  });
  after(() => server.stop());

  test("raises the marks as the model does, whatever the node has heard and knows", async () => {
    const property = fc.asyncProperty(steps, (steps) => {
      const keys = keysOf(randomUUID());
      const connector = new Connector(parseRedisUrl(server.url, "url"), {}, keys[0]!);
      return compareJoins(new RedisLog(connector, keys, "memory", 1), steps);
    });
    await fc.assert(property, runs);
  });
});

describe("a join of a log in PostgreSQL", { skip: withoutPostgres }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server.stop());

  test("raises the marks as the model does, whatever the node has heard and knows", async () => {
    const target = await server.createDatabase();
    const property = fc.asyncProperty(steps, async (steps) => {
      const schema = `s${randomUUID().replaceAll("-", "")}`;
      const logger = { warn: () => {}, error: () => {} };
      const options = { target, schema, createSchema: true, pollInterval: 100, logger, hubPaths: new Set<string>() };
      await compareJoins(new PostgresLog(options), steps);
    });
    await fc.assert(property, runs);
  });
});
