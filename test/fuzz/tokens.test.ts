import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import { authenticatorFor } from "../../src/hub/auth/authenticators.js";
import { resolveHubOptions } from "../../src/hub/options/hub-options.js";
import { HttpProblem } from "../../src/protocol/problem.js";
import { detailType, parseAuthorizationDetails } from "../../src/protocol/tokens/authorization-details.js";
import { parseGrants } from "../../src/protocol/tokens/grants.js";
import { MemoryTransport } from "../../src/transport/memory/memory.js";
import { subscriberKey } from "../hub/fixture.js";
import { fuzz, hostileText } from "../support/fuzz.js";

const resource = "https://hub.example/.well-known/mercure";
const issuer = "https://hub.example";
const settings = resolveHubOptions({ transport: new MemoryTransport(), subscriberKey, resource });
const authenticator = authenticatorFor("subscriber", settings);

const anything = fc.oneof({ maxDepth: 2 }, fc.jsonValue({ maxDepth: 2 }), hostileText(["a", "/", "{x}", "*"], 1_000));
const partly = <T>(good: fc.Arbitrary<T>) => fc.oneof({ weight: 4, arbitrary: good }, anything);

const header = fc.record(
  {
    alg: partly(fc.constantFrom("HS256", "none", "ES256", "HS512")),
    typ: partly(fc.constantFrom("at+jwt", "application/at+jwt", "JWT")),
    kid: anything,
    crit: anything,
    b64: anything,
  },
  { requiredKeys: ["alg"] },
);
const pattern = partly(hostileText(["*", "a", "/", ":x", "{x}", "(a+)+", "https://e.com/", "["], 2_048));
const matcher = fc.record({ match: pattern, match_type: partly(fc.constantFrom("exact", "urlpattern")) });
const detail = fc.record({
  type: partly(fc.constant(detailType)),
  actions: partly(fc.subarray(["subscribe", "publish"], { minLength: 1 })),
  topics: partly(fc.array(partly(matcher), { minLength: 1, maxLength: 3 })),
  payload: anything,
});
const selectors = fc.array(pattern, { maxLength: 3 });
const later = fc.constant(4_000_000_000);
const claims = fc.record(
  {
    iss: partly(fc.constant(issuer)),
    aud: partly(fc.constantFrom<unknown>(resource, [resource, "x"])),
    exp: partly(later),
    nbf: partly(fc.constant(1)),
    iat: anything,
    sub: anything,
    mercure: partly(fc.record({ subscribe: partly(selectors), publish: partly(selectors), payload: anything })),
    authorization_details: partly(fc.array(partly(detail), { maxLength: 3 })),
  },
  { requiredKeys: ["iss", "aud", "exp"] },
);

const encode = (value: unknown) => Buffer.from(JSON.stringify(value) ?? "").toString("base64url");
const sign = (body: string) => `${body}.${createHmac("sha256", subscriberKey).update(body).digest("base64url")}`;
const unsigned = fc.tuple(partly(header), partly(claims)).map((parts) => parts.map(encode).join("."));
const forged = fc.tuple(unsigned, hostileText(["A", "_", "-", ".", "="], 200)).map((parts) => parts.join("."));
const malformed = hostileText(["eyJ", "eyJhbGciOiJIUzI1NiJ9", ".", "=", "_", "-", " ", "e30"]);

/** A token leads only to errors of RFC 6750, and to an identity only when the key has signed it. */
async function identify(headers: Record<string, string>, query: string, genuine: boolean): Promise<void> {
  try {
    const parameters = new URLSearchParams(query === "" ? {} : { authorization: query });
    const identity = await authenticator.identify({ headers } as unknown as IncomingMessage, parameters);
    assert.ok(genuine || identity === undefined);
    identity?.grants.subscribe.matches("a/b");
  } catch (error) {
    assert.ok(error instanceof HttpProblem, String(error));
    assert.ok(error.status === 400 || error.status === 401);
  }
}

test("every forged token is rejected, wherever it is presented", async (t) => {
  const token = fc.oneof(forged, unsigned, malformed);
  const property = fc.asyncProperty(token, fc.nat(4), async (text, place) => {
    const places: Record<string, string>[] = [
      { authorization: `Bearer ${text}` },
      { authorization: text },
      { cookie: `x=y; mercureAuthorization=${text}` },
      { cookie: text },
    ];
    await identify(places[place] ?? {}, place === 4 ? text : "", false);
  });
  await fuzz(t, property);
});

test("any signed token gives an identity, or is rejected", async (t) => {
  const property = fc.asyncProperty(unsigned, async (body) => {
    await identify({ authorization: `Bearer ${sign(body)}` }, "", true);
  });
  await fuzz(t, property);
});

test("any claims grant something, nothing, or make the token invalid", async (t) => {
  const limits = { details: 2, topics: 3, topicLength: 1_000, patternSize: 5_000 };
  const wild = fc.oneof(claims, fc.record({ mercure: fc.anything(), authorization_details: fc.anything() }));
  const property = fc.asyncProperty(wild, async (read) => {
    const grants = [parseGrants(read, limits), await parseAuthorizationDetails(read, limits)];
    for (const each of grants) {
      if (each === undefined) continue;
      assert.ok(each.subscribe.all.length <= limits.topics && each.publish.all.length <= limits.topics);
      each.publish.matchesEvery(["a", "b/c"]);
    }
  });
  await fuzz(t, property);
});
