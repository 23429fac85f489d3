import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { RE2Set } from "re2js";
import { stepsPerTurn } from "../../src/hub/pacer.js";
import { requestedMatchers } from "../../src/protocol/matching/subscription-parameters.js";
import { accessToken, issuer, publisherKey, resource, startHub, subscribe, token, until } from "./fixture.js";
import { watchTurns } from "./work.js";

const hubUrl = "https://hub.example/.well-known/mercure";
const limits = { count: 200, length: 2048, patternSize: 5000, bytes: 0 };

const fill = (text: string, length = 2048) => text.repeat(Math.max(1, Math.floor(length / text.length)));
const variables = (count: number, suffix = "") => Array.from({ length: count }, (_, i) => `v${i}${suffix}`).join(",");

/** Parameters that ask for far more than a hub evaluates, each in its own way. */
const hostile: readonly (readonly [string, [string, string][]])[] = [
  ["exploded variables", [["topic", fill(`{?${variables(32, "*")}}`)]]],
  ["lists of variables", [["topic", fill(`{${variables(31)}}`)]]],
  ["exploded path parameters", [["topic", fill(`{;${variables(32, "*")}}`)]]],
  ["one variable each", [["topic", fill("{a}")]]],
  ["long prefixes", [["topic", fill("{a:9999}")]]],
  ["ranges of repetitions", [["match_urlpattern", `/${fill("(.{1,1000})", 2000)}`]]],
  ["repetitions", [["match_urlpattern", `/${fill("(.{999})", 2000)}`]]],
  ["repetitions of repetitions", [["match_urlpattern", "/((?:(?:a{999}){999}){999})"]]],
  ["wildcards", [["match_urlpattern", `/${fill("*")}`]]],
  ["optional braces", [["match_urlpattern", `/${fill("{a}?")}`]]],
  ["alternatives", [["match_urlpattern", `/(${fill("a|", 1900)}b)`]]],
  ["Unicode classes", [["match_urlpattern", `/(${fill("\\p{L}", 1900)})`]]],
  [
    "groups in every component",
    [["match_urlpattern", `https://(.{400}):(.{400})@(.{400})/(.{400})?(.{400})#(.{400})`]],
  ],
];

/** Counts the expressions that are compiled from now on. */
function countCompiled(t: TestContext): () => number {
  const compile = t.mock.method(RE2Set.prototype, "compile");
  return () => compile.mock.callCount();
}

describe("patterns that would be large", () => {
  // One anonymous request of 3 kB blocks every other client for seconds before it is refused.
  test("are rejected before anything is compiled", async (t) => {
    const compiled = countCompiled(t);
    const { origin, hub } = await startHub(t);
    for (const [name, parameters] of hostile) {
      const { status } = await subscribe(t, `${origin}${hub.path}?${new URLSearchParams(parameters)}`);
      assert.equal(status, 400, name);
    }
    assert.equal(compiled(), 0);
  });

  // A QUERY body has room for eighty times as much as a URL.
  test("are rejected in the body of a QUERY request as in a URL", async (t) => {
    const compiled = countCompiled(t);
    const { origin, hub } = await startHub(t);
    for (const [name, parameters] of hostile) {
      const all = Array.from({ length: 50 }, (_, i) => parameters.map(([key, value]) => [key, `${value}${i}`]));
      const body = String(new URLSearchParams(all.flat() as [string, string][]));
      const headers = { "Content-Type": "application/x-www-form-urlencoded" };
      const { status } = await subscribe(t, `${origin}${hub.path}`, headers, "QUERY", body);
      assert.equal(status, 400, name);
    }
    assert.equal(compiled(), 0);
  });

  // Each pattern is within its own bounds, and the request has 199 of them.
  test("are rejected when their total is too large, at the first above the bound", async (t) => {
    const compiled = countCompiled(t);
    const { url } = await startHub(t);
    const { status } = await subscribe(t, url(Array.from({ length: 199 }, (_, i) => `{a,b,c,d,e,f}${i}`)));
    assert.equal(status, 400);
    assert.equal(compiled(), 0);

    const read: string[] = [];
    const parameters = Array.from({ length: 150 }, (_, i): [string, string] => [
      "match_urlpattern",
      `/${i}/((?:a|b){90})`,
    ]);
    const asked = requestedMatchers(new URLSearchParams(parameters), "both", limits, hubUrl, () => {
      read.push("");
      return undefined;
    });
    await assert.rejects(asked, /too large in total/);
    assert.ok(read.length < 20, `${read.length} patterns were read`);
  });

  // An application signs topics that its visitors choose.
  test("make a token invalid, each one or all together", async (t) => {
    const compiled = countCompiled(t);
    const { url } = await startHub(t, { resource, issuer });
    const many = Array.from({ length: 100 }, (_, i) => `{a,b,c,d,e,f}${i}`);
    for (const subscribes of [[`{?${variables(32, "*")}}`], many]) {
      const authorization = await token({ subscribe: subscribes });
      assert.equal((await subscribe(t, url("a", { authorization }))).status, 401);
    }
    const detail = (topics: object[]) => ({
      type: "https://mercure.rocks/authorization-detail",
      actions: ["subscribe"],
      topics,
    });
    const topics = [{ match: "/((?:(?:a{999}){999}))", match_type: "urlpattern" }];
    const authorization = `Bearer ${await accessToken({ authorization_details: [detail(topics)] })}`;
    assert.equal((await subscribe(t, url("a"), { authorization })).status, 401);
    assert.equal(compiled(), 0);
  });
});

// Allowed patterns can take tens of milliseconds together.
test("other work gets turns of the event loop between the patterns of one request", async () => {
  const parameters = Array.from({ length: 120 }, (_, i): [string, string] => ["match_urlpattern", `/a/${i}/:id`]);
  let slice = 0;
  let longest = 0;
  let turns = 0;
  await requestedMatchers(new URLSearchParams(parameters), "both", limits, hubUrl, (steps) => {
    slice += steps;
    longest = Math.max(longest, steps);
    if (slice < stepsPerTurn) return undefined;
    slice = 0;
    turns++;
    return Promise.resolve();
  });
  assert.ok(turns >= 20, `${turns} turns`);
  assert.ok(longest <= 5 * stepsPerTurn, `${longest} steps`);
});

// An application signs patterns for its visitors, who also choose the topics to match.
describe("a token with many patterns", () => {
  const granted = Array.from({ length: 100 }, (_, i) => `{+a}-${i}-{+b}`);
  const topics = Array.from({ length: 60 }, (_, i) => `${"x".repeat(900)}${i}`);
  const most = 2 * stepsPerTurn + 400_000;

  test("yields the event loop while many published topics are matched", async (t) => {
    const { origin, hub } = await startHub(t, { allowPublish: true });
    const seen = watchTurns(t);
    const body = new URLSearchParams([...topics.map((topic) => ["topic", topic] as [string, string]), ["data", "x"]]);
    const headers = { Authorization: `Bearer ${await token({ publish: granted }, {}, publisherKey)}` };
    const { status } = await fetch(`${origin}${hub.path}`, { method: "POST", headers, body });
    assert.equal(status, 403);
    assert.ok(seen.busy >= 10, `${seen.busy} turns`);
    assert.ok(seen.most <= most, `${seen.most} steps in one turn`);
  });

  test("yields the event loop while many requested topics are matched", async (t) => {
    const { origin, hub } = await startHub(t);
    const seen = watchTurns(t);
    const body = String(new URLSearchParams(topics.map((topic): [string, string] => ["topic", topic])));
    const headers = {
      Authorization: `Bearer ${await token({ subscribe: granted })}`,
      "Content-Type": "application/x-www-form-urlencoded",
    };
    const { status } = await subscribe(t, `${origin}${hub.path}`, headers, "QUERY", body);
    assert.equal(status, 200);
    await until(() => seen.busy >= 10);
    assert.ok(seen.most <= most, `${seen.most} steps in one turn`);
  });

  // The bearer of a token of Mercure 1.0 names many topics, and each is matched with the patterns of the token's payloads.
  for (const [what, length, repeated, expected] of [
    ["are matched in chunks", 100, 1, 200],
    ["are rejected when they are too much work together", 1500, 8, 400],
  ] as const) {
    test(`patterns of payloads ${what}`, async (t) => {
      const { origin, hub } = await startHub(t, { resource, issuer });
      const type = "https://mercure.rocks/authorization-detail";
      const details = Array.from({ length: 30 }, (_, index) => ({
        type,
        actions: ["subscribe"],
        topics: [{ match: `/${"*".repeat(repeated)}/:id/no${index}`, match_type: "urlpattern" }],
        payload: { index },
      }));
      const jwt = await accessToken({ authorization_details: details });
      const topics = Array.from({ length: 150 }, (_, index): [string, string] => [
        "match",
        `/${"x".repeat(length)}${index}`,
      ]);
      const seen = watchTurns(t);
      const headers = { Authorization: `Bearer ${jwt}`, "Content-Type": "application/x-www-form-urlencoded" };
      const body = String(new URLSearchParams(topics));
      const { status } = await subscribe(t, `${origin}${hub.path}`, headers, "QUERY", body);
      assert.equal(status, expected);
      assert.ok(seen.busy >= 10, `${seen.busy} turns`);
      assert.ok(seen.most <= most, `${seen.most} steps in one turn`);
      // The hub gets its room back.
      await until(() => hub.connections === (expected === 200 ? 1 : 0));
    });
  }
});
