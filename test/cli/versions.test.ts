import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import {
  referenceIdentity as identity,
  referenceHub,
  withoutReferenceHub,
  withoutReferenceHub1,
} from "../support/reference-hub.js";
import { until } from "../support/until.js";
import { run, secret, start, startHub } from "./fixture.js";

const generation1 = ["--protocol", "1"];
const referenceFlags = ["--issuer", identity.issuer, "--resource", identity.resource];

interface HubUnderTest {
  readonly name: string;
  readonly skip?: string | false;
  /** The flags that select it in the commands. */
  readonly flags: readonly string[];
  start(t: TestContext): Promise<{ url: string }>;
}

const hubs: HubUnderTest[] = [
  { name: "our hub, by Mercure 0.x", flags: [], start: (t) => startHub(t) },
  { name: "our hub, by Mercure 1.0 and without settings", flags: generation1, start: (t) => startHub(t) },
  {
    name: "our hub of Mercure 1.0 alone, with an issuer and a resource",
    flags: [...generation1, ...referenceFlags],
    start: (t) => startHub(t, [...generation1, ...referenceFlags]),
  },
  { name: "the reference hub of 0.x", skip: withoutReferenceHub, flags: [], start: (t) => referenceHub(t) },
  {
    name: "the reference hub of 1.0",
    skip: withoutReferenceHub1,
    flags: [...generation1, ...referenceFlags],
    start: (t) => referenceHub(t, { version: 1 }),
  },
];

for (const { name, skip = false, flags, start: startServer } of hubs) {
  describe(name, { skip }, () => {
    test("accepts publishers and subscribers, and lists its subscriptions", async (t) => {
      const { url } = await startServer(t);
      const options = { env: { SECRET_KEY: secret, MERCURE_HUB_URL: url } };
      const command = (...args: string[]) => run(t, [...args, ...flags], options);
      const earlier = await command("publish", "a", "one", "--id", "urn:x:1");
      assert.deepEqual([earlier.code, earlier.stderr, earlier.stdout], [0, "", "urn:x:1\n"]);
      const subscriber = start(t, ["subscribe", "a", "--last-event-id", "earliest", "--count", "2", ...flags], options);
      await subscriber.until(() => subscriber.stdout() === "one\n");
      const subscribed = await command("subscriptions", "a");
      assert.match(subscribed.stdout, /^a\turn:uuid:\S+\t\n$/, subscribed.stderr);
      const all = await command("subscriptions", "--json");
      assert.equal((JSON.parse(all.stdout) as { subscriptions: unknown[] }).subscriptions.length, 1);
      assert.equal((await command("publish", "b", "two", "--alternate", "a", "--private")).code, 0);
      assert.deepEqual(await subscriber.ended, { code: 0, stdout: "one\ntwo\n", stderr: "" });
    });

    test("accepts a token that the command printed, and rejects others", async (t) => {
      const { url } = await startServer(t);
      const publishWith = async (key: string) => {
        const token = await run(t, ["token", "publisher", "--topic", "a", "--secret", key, ...flags], {
          env: { MERCURE_HUB_URL: url },
        });
        const jwt = token.stdout.trim();
        return (await run(t, ["publish", "a", "x", "--hub-url", url, "--jwt", jwt], { env: {} })).code;
      };
      assert.equal(await publishWith(secret), 0);
      assert.equal(await publishWith(`another ${secret}`), 1);
    });
  });
}

describe("a hub of both versions", () => {
  test("matches subscriptions by URL patterns", async (t) => {
    const { url } = await startHub(t);
    const options = { env: { SECRET_KEY: secret, MERCURE_HUB_URL: url, MERCURE_PROTOCOL: "1" } };
    const flags = ["--match-urlpattern", "/books/:id", "--match", "news", "--count", "2"];
    const subscriber = start(t, ["subscribe", ...flags], options);
    await until(async () => (await run(t, ["subscriptions"], options)).stdout !== "");
    for (const topic of ["/books/7/pages", "/books/7", "news"]) {
      await run(t, ["publish", topic, topic, "--private"], options);
    }
    assert.equal((await subscriber.ended).stdout, "/books/7\nnews\n");
  });
});

describe("htmx-mercure hub", () => {
  test("accepts one version's tokens alone on request", async (t) => {
    const { url } = await startHub(t, [], { env: { SECRET_KEY: secret, MERCURE_HUB_PROTOCOL: "1" } });
    const publish = (protocol: string) =>
      run(t, ["publish", "a", "x", "--hub-url", url, "--protocol", protocol], { env: { SECRET_KEY: secret } });
    assert.equal((await publish("1")).code, 0);
    const refused = await publish("0");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /rejected the update: 401/);
    const wrong = await run(t, ["hub", "--protocol", "2"]);
    assert.deepEqual([wrong.code, wrong.stdout], [2, ""]);
    assert.match(wrong.stderr, /--protocol is 0, 1 or both, not "2"/);
  });

  test("starts beside a .env that tells an application where it is", async (t) => {
    const publicHubUrl = "https://shop.example/.well-known/mercure";
    const env = { SECRET_KEY: secret, MERCURE_HUB_URL: "http://hub/.well-known/mercure", MERCURE_PROTOCOL: "1" };
    const { url, stdout } = await startHub(t, [], { env: { ...env, MERCURE_PUBLIC_HUB_URL: publicHubUrl } });
    const metadata = await fetch(new URL("/.well-known/oauth-protected-resource/.well-known/mercure", url));
    assert.equal(((await metadata.json()) as { resource: string }).resource, publicHubUrl);
    await until(() => /token.*: \S+\n/.test(stdout()));
    const jwt = /token.*: (\S+)\n/.exec(stdout())![1]!;
    assert.equal((await run(t, ["publish", "a", "x", "--hub-url", url, "--jwt", jwt])).code, 0);
  });

  test("exits with an error on a mistake that shows when the hub is created", async (t) => {
    const env = { SECRET_KEY: secret, MERCURE_PUBLISHER_JWT_ALG: "none" };
    const { code, stderr } = await run(t, ["hub", "--port", "0"], { env });
    assert.equal(code, 2);
    assert.match(stderr, /algorithms contains none/);
  });
});
