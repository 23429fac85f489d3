import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import type { JSONWebKeySet } from "jose";
import { jwkSetKeys, jwkSetUrl, type KeySource } from "../../src/hub/auth/keys.js";
import { fuzz, hostileText } from "../support/fuzz.js";

const url = new URL("https://issuer.example/jwks.json");

const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const good = publicKey.export({ format: "jwk" });

const anything = fc.jsonValue({ maxDepth: 2 });
const partly = <T>(arbitrary: fc.Arbitrary<T>) => fc.oneof({ weight: 4, arbitrary }, anything);
const name = fc.constantFrom("a", "b", "");
const algorithm = fc.constantFrom("ES256", "RS256", "EdDSA", "HS256", "none");
const coordinate = partly(fc.oneof(fc.constantFrom(good.x!, good.y!, "AQAB"), fc.base64String({ maxLength: 60 })));
const key = fc.record(
  {
    kty: partly(fc.constantFrom("EC", "RSA", "OKP", "oct")),
    crv: partly(fc.constantFrom("P-256", "Ed25519")),
    x: coordinate,
    y: coordinate,
    n: coordinate,
    e: coordinate,
    k: coordinate,
    kid: partly(name),
    alg: partly(algorithm),
    use: partly(fc.constantFrom("sig", "enc")),
    key_ops: partly(fc.constant(["verify"])),
  },
  { requiredKeys: ["kty"] },
);
const set = partly(fc.record({ keys: partly(fc.array(partly(fc.oneof(fc.constant(good), key)), { maxLength: 4 })) }));
const header = fc.record({ alg: algorithm, kid: name }, { requiredKeys: ["alg"] });

/**
 * The result is keys, an empty list, or an error that says that they are unavailable; never an HMAC key from public
 * data.
 */
async function ask(source: () => KeySource, wanted: { alg: string; kid?: string }): Promise<void> {
  let keys: readonly unknown[];
  try {
    keys = await source().keysFor(wanted);
  } catch (error) {
    assert.ok(error instanceof Error);
    return;
  }
  assert.ok(wanted.alg !== "HS256" || keys.length === 0);
}

test("any JWK Set has keys for a token, or an empty list", async (t) => {
  await fuzz(
    t,
    fc.asyncProperty(set, header, (value, wanted) => ask(() => jwkSetKeys(value as unknown as JSONWebKeySet), wanted)),
  );
});

test("any answer of a JWK Set's URL has keys for a token, or an empty list", async (t) => {
  const body = fc.oneof(
    { weight: 3, arbitrary: set.map((value) => JSON.stringify(value)) },
    hostileText(["{", "}", '"keys"', ":", "[", "]", ",", '"kty"', "1e999", "\ufeff"], 100_000),
  );
  const status = fc.oneof({ weight: 9, arbitrary: fc.constant(200) }, fc.constantFrom(204, 301, 304, 404, 500));
  const property = fc.asyncProperty(body, status, header, (text, code, wanted) => {
    const answer = async () => new Response([204, 304].includes(code) ? null : text, { status: code });
    return ask(() => jwkSetUrl(url, answer), wanted);
  });
  await fuzz(t, property);
});
