import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { exportJWK, generateKeyPair, importSPKI, jwtVerify, SignJWT } from "jose";
import { subscribe, token } from "../hub/fixture.js";
import { run, secret, startHub, temporaryFolder } from "./fixture.js";

const production = { NODE_ENV: "production" };
const pem = {
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
};

interface Pair {
  readonly publicKey: string;
  readonly privateKey: string;
}

/** Key pairs in PEM, each with its default algorithm. */
function pairs(): [algorithm: string, pair: Pair][] {
  const generate = generateKeyPairSync as (kind: string, options: object) => Pair;
  const curve = (namedCurve: string) => generate("ec", { ...pem, namedCurve });
  return [
    ["RS256", generate("rsa", { ...pem, modulusLength: 2048 })],
    ["ES256", curve("P-256")],
    ["ES384", curve("P-384")],
    ["ES512", curve("P-521")],
    ["EdDSA", generate("ed25519", pem)],
  ];
}

/** A folder with a key pair in files. */
function folderWith(t: TestContext, { publicKey, privateKey }: Pair): string {
  const cwd = temporaryFolder(t);
  writeFileSync(join(cwd, "public.pem"), publicKey);
  writeFileSync(join(cwd, "private.pem"), privateKey);
  return cwd;
}

async function statusOf(t: TestContext, url: string, jwt: string): Promise<number> {
  return (await subscribe(t, `${url}?topic=a`, { Authorization: `Bearer ${jwt}` })).status;
}

describe("a hub with a public key", () => {
  test("accepts tokens that the commands sign with the private key, of both versions, and needs no secret", async (t) => {
    const [, pair] = pairs()[1]!;
    const cwd = folderWith(t, pair);
    const flags = ["--publisher-secret-file", "public.pem", "--subscriber-secret-file", "public.pem"];
    const { url } = await startHub(t, flags, { cwd, env: production });
    const at = ["--hub-url", url, "--secret-file", "private.pem"];
    for (const protocol of ["0", "1"]) {
      const { code, stderr } = await run(t, ["publish", "a", "x", "--private", "--protocol", protocol, ...at], { cwd });
      assert.deepEqual([code, stderr], [0, ""]);
      const from = ["--last-event-id", "earliest", "--count", "1", "--protocol", protocol];
      assert.equal((await run(t, ["subscribe", "a", ...from, ...at], { cwd })).stdout, "x\n");
    }
  });

  test("reads keys in one line of .env, with \\n for the line breaks, as its commands do", async (t) => {
    for (const [index, lineBreak] of ["\\n", "\\r\\n"].entries()) {
      const [, { publicKey, privateKey }] = pairs()[index]!;
      const oneLine = (key: string) => key.replaceAll("\n", lineBreak);
      const cwd = temporaryFolder(t);
      const line = (key: string) => `MERCURE_SUBSCRIBER_JWT_KEY='${oneLine(key)}'\n`;
      writeFileSync(join(cwd, ".env"), `SECRET_KEY=${secret}\n${line(publicKey)}`);
      writeFileSync(join(cwd, "private.env"), line(privateKey));
      const { url } = await startHub(t, [], { cwd, env: production });
      const made = await run(t, ["token", "subscriber", "--topic", "a", "--dotenv", "private.env"], { cwd });
      assert.equal(made.stderr, "");
      assert.equal(await statusOf(t, url, made.stdout.trim()), 200);
    }
  });

  // A stranger signs with the public key as with a secret.
  test("rejects an HMAC made with it, and every algorithm but its own", async (t) => {
    const [[, rsa]] = pairs() as [[string, Pair]];
    const env = {
      ...production,
      SECRET_KEY: secret,
      MERCURE_SUBSCRIBER_JWT_KEY: rsa.publicKey,
      MERCURE_SUBSCRIBER_JWT_ALG: "RS512",
    };
    const { url } = await startHub(t, [], { env });
    const cwd = folderWith(t, rsa);
    const signed = async (algorithm: string) => {
      const flags = ["--topic", "a", "--secret-file", "private.pem", "--algorithm", algorithm];
      return (await run(t, ["token", "subscriber", ...flags], { cwd })).stdout.trim();
    };
    assert.equal(await statusOf(t, url, await signed("RS512")), 200);
    assert.equal(await statusOf(t, url, await signed("RS256")), 401);
    assert.equal(await statusOf(t, url, await token({ subscribe: ["*"] }, {}, rsa.publicKey)), 401);
    assert.equal(await statusOf(t, url, await token({ subscribe: ["*"] }, {}, secret)), 401);
  });

  test("a secret can be for a longer HMAC, and then for that one alone", async (t) => {
    const long = secret + secret;
    const env = { SECRET_KEY: secret, MERCURE_SUBSCRIBER_JWT_KEY: long, MERCURE_SUBSCRIBER_JWT_ALG: "HS512" };
    const { url } = await startHub(t, [], { env: { ...production, ...env } });
    assert.equal(await statusOf(t, url, await token({ subscribe: ["*"] }, {}, long, "HS512")), 200);
    assert.equal(await statusOf(t, url, await token({ subscribe: ["*"] }, {}, long)), 401);
  });

  test("keys and algorithms that do not fit together are rejected at the start", async (t) => {
    const [[, { publicKey }]] = pairs() as [[string, Pair]];
    for (const [env, message] of [
      [{ MERCURE_PUBLISHER_JWT_KEY: publicKey, MERCURE_PUBLISHER_JWT_ALG: "HS256" }, /algorithms contains HS256/],
      [
        { MERCURE_PUBLISHER_JWT_KEY: "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----" },
        /not a valid PEM key/,
      ],
      [{ MERCURE_PUBLISHER_JWT_ALG: "HS512" }, /needs min 64/],
      [{ SECRET_KEY: "", MERCURE_PUBLISHER_JWT_ALG: "RS256" }, /has no key: add --publisher-secret-file/],
    ] as const) {
      const all = { ...production, SECRET_KEY: secret, ...env };
      const { code, stdout, stderr } = await run(t, ["hub", "--port", "0"], { env: all });
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, message);
    }
  });
});

describe("issuers in a file", () => {
  test("are trusted, each for its own tokens, and the metadata name the authorization servers", async (t) => {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const cwd = temporaryFolder(t);
    const issuer = "https://issuer.example";
    const issuers = [{ issuer, jwks: { keys: [await exportJWK(publicKey)] } }];
    writeFileSync(join(cwd, "issuers.json"), JSON.stringify(issuers));
    const resource = "https://hub.example/.well-known/mercure";
    const flags = ["--issuers-file", "issuers.json", "--resource", resource];
    const env = { ...production, MERCURE_HUB_AUTHORIZATION_SERVERS: issuer };
    const { url } = await startHub(t, flags, { cwd, env });
    const jwt = (iss: string) => {
      const topics = [{ match: "*" }];
      const details = [{ type: "https://mercure.rocks/authorization-detail", actions: ["subscribe"], topics }];
      return new SignJWT({ iss, aud: resource, authorization_details: details })
        .setProtectedHeader({ alg: "ES256", typ: "at+jwt" })
        .setExpirationTime("10m")
        .sign(privateKey);
    };
    assert.equal(await statusOf(t, url, await jwt(issuer)), 200);
    assert.equal(await statusOf(t, url, await jwt("https://other.example")), 401);
    const metadata = await fetch(new URL("/.well-known/oauth-protected-resource/.well-known/mercure", url));
    assert.deepEqual(((await metadata.json()) as Record<string, unknown>).authorization_servers, [issuer]);
  });

  test("are rejected without a list or without keys", async (t) => {
    const cwd = temporaryFolder(t);
    for (const [text, message] of [
      ["{}", /must hold a list/],
      ["[null]", /must hold a list of objects/],
      ["[", /cannot be read/],
      ['[{"issuer":"https://a.example"}]', /exactly one of secret, pem and jwks/],
      ['[{"secret":"short"}]', /needs min 32/],
    ] as const) {
      writeFileSync(join(cwd, "issuers.json"), text);
      const args = ["hub", "--port", "0", "--issuers-file", "issuers.json"];
      const { code, stderr } = await run(t, args, { cwd, env: { ...production, SECRET_KEY: secret } });
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    }
  });
});

describe("tokens", () => {
  test("are signed by the kind of private key, and others verify them", async (t) => {
    for (const [algorithm, pair] of pairs()) {
      const cwd = folderWith(t, pair);
      const { stdout, stderr } = await run(t, ["token", "publisher", "--topic", "a", "--secret-file", "private.pem"], {
        cwd,
      });
      const key = await importSPKI(pair.publicKey, algorithm);
      const { protectedHeader } = await jwtVerify(stdout.trim(), key);
      assert.deepEqual([protectedHeader.alg, stderr], [algorithm, ""]);
    }
  });

  test("are signed with the requested algorithm, if it fits the key", async (t) => {
    const [[, rsa], [, ec]] = pairs() as [[string, Pair], [string, Pair]];
    const cwd = folderWith(t, rsa);
    const signed = (file: string, algorithm: string) => {
      const flags = ["--topic", "a", "--secret-file", file, "--algorithm", algorithm];
      return run(t, ["token", "publisher", ...flags], { cwd });
    };
    for (const algorithm of ["RS512", "PS256", "PS384"]) {
      const { stdout } = await signed("private.pem", algorithm);
      await jwtVerify(stdout.trim(), await importSPKI(rsa.publicKey, algorithm));
    }
    writeFileSync(join(cwd, "secret"), secret + secret);
    const { stdout } = await signed("secret", "HS512");
    await jwtVerify(stdout.trim(), new TextEncoder().encode(secret + secret), { algorithms: ["HS512"] });

    writeFileSync(join(cwd, "ec.pem"), ec.privateKey);
    for (const [file, algorithm] of [
      ["private.pem", "HS256"],
      ["ec.pem", "RS256"],
      ["secret", "RS256"],
      ["secret", "none"],
    ] as const) {
      const refused = await signed(file, algorithm);
      assert.deepEqual([refused.code, refused.stdout], [2, ""]);
      assert.match(refused.stderr, new RegExp(`type of key signs with .*, not ${algorithm}`));
    }
  });

  // Anybody can sign an HMAC with a public key, so a hub that accepts one accepts forged tokens.
  test("are never signed with a public key", async (t) => {
    const [[, rsa]] = pairs() as [[string, Pair]];
    const { code, stdout, stderr } = await run(t, ["token", "publisher", "--topic", "a"], {
      env: { MERCURE_PUBLISHER_JWT_KEY: rsa.publicKey },
    });
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /Not an unencrypted PEM private key/);
  });
});
