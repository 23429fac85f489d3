import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import { authenticatorFor } from "../../src/hub/authenticators.js";
import { resolveHubOptions } from "../../src/hub/options.js";
import { cookiesOf, isSameOrigin } from "../../src/hub/request.js";
import { Refusal } from "../../src/protocol/problem.js";
import { MemoryTransport } from "../../src/transport/memory.js";
import { subscriberKey } from "./fixture.js";

const authenticator = authenticatorFor(
  "subscriber",
  resolveHubOptions({ transport: new MemoryTransport(), subscriberKey }),
);

const encoded = (value: fc.Arbitrary<unknown>) =>
  value.map((content) => Buffer.from(JSON.stringify(content) ?? "").toString("base64url"));
const head = fc.record({
  alg: fc.oneof(fc.constantFrom("HS256", "none", "ES256"), fc.jsonValue()),
  typ: fc.oneof(fc.constantFrom("at+jwt", "JWT"), fc.jsonValue()),
  kid: fc.jsonValue(),
  crit: fc.jsonValue(),
});
const claims = fc.record({ iss: fc.oneof(fc.constant("/"), fc.jsonValue()), exp: fc.jsonValue(), aud: fc.jsonValue() });
const forged = fc
  .tuple(encoded(fc.oneof(head, fc.jsonValue())), encoded(fc.oneof(claims, fc.jsonValue())), encoded(fc.string()))
  .map((parts) => parts.join("."));
const anyToken = fc.oneof(forged, fc.string(), fc.string({ unit: "binary" }));
const header = fc.oneof(
  anyToken.map((token) => `Bearer ${token}`),
  anyToken,
);
const cookie = fc.oneof(
  anyToken.map((token) => `x=y; mercureAuthorization=${token}`),
  fc.string({ unit: fc.constantFrom(...'=; "a') }),
);

test("no header, parameter or cookie crashes the hub, and none that is made up is good", async () => {
  const property = fc.asyncProperty(
    fc.option(header),
    fc.option(anyToken),
    fc.option(cookie),
    async (authorization, parameter, cookies) => {
      const headers = {
        ...(authorization !== null && { authorization }),
        ...(cookies !== null && { cookie: cookies }),
      };
      const query = new URLSearchParams(parameter === null ? {} : { authorization: parameter });
      try {
        assert.equal(await authenticator.identify({ headers } as IncomingMessage, query), undefined);
      } catch (error) {
        assert.ok(error instanceof Refusal, String(error));
        assert.ok(error.status === 401 || error.status === 400);
      }
    },
  );
  await fc.assert(property, { numRuns: 10_000 });
});

test("no cookie, Origin or Referer crashes the hub", () => {
  const property = fc.property(fc.string({ unit: "binary" }), fc.webUrl(), fc.string(), (text, url, host) => {
    cookiesOf({ headers: { cookie: text } } as IncomingMessage);
    for (const source of [text, url]) {
      isSameOrigin({ headers: { origin: source, host } } as IncomingMessage, [url]);
      isSameOrigin({ headers: { referer: source, host } } as IncomingMessage);
    }
  });
  fc.assert(property, { numRuns: 10_000 });
});
