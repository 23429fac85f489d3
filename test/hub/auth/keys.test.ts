import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { exportJWK, exportSPKI, type GenerateKeyPairResult, generateKeyPair, SignJWT } from "jose";
import { jwkSetKeys, jwkSetUrl } from "../../../src/hub/auth/keys.js";
import { Hub, type HubOptions, type IssuerOptions } from "../../../src/hub/index.js";
import { detailType } from "../../../src/protocol/tokens/authorization-details.js";
import { MemoryTransport } from "../../../src/transport/memory/memory.js";
import { startHub, subscribe, until } from "../fixture.js";

const resource = "https://hub.example/.well-known/mercure";
const a = "https://a.example";
const b = "https://b.example";
const secret = "issuer-secret-issuer-secret-0032";

type SigningKey = Parameters<SignJWT["sign"]>[0];

function sign(iss: string, key: SigningKey, header: object = {}, typ = "at+jwt"): Promise<string> {
  const topics = [{ match: "*" }];
  return new SignJWT({
    iss,
    aud: resource,
    authorization_details: [{ type: detailType, actions: ["subscribe"], topics }],
  })
    .setProtectedHeader({ alg: "ES256", typ, ...header })
    .setExpirationTime("10m")
    .sign(key);
}

async function statusOf(t: TestContext, url: string, token: string): Promise<number> {
  return (await subscribe(t, url, { Authorization: `Bearer ${token}` })).status;
}

async function jwkSet(...keys: (GenerateKeyPairResult & { kid?: string })[]) {
  const jwks = keys.map(async ({ publicKey, kid }) => ({ ...(await exportJWK(publicKey)), ...(kid && { kid }) }));
  return { keys: (await Promise.all(jwks)) as { kty: string }[] };
}

const pair = () => generateKeyPair("ES256", { extractable: true });

describe("keys of issuers", () => {
  test("can be a secret, a PEM and a JWK Set, side by side", async (t) => {
    const [first, second] = [await pair(), await pair()];
    const issuers = [
      { issuer: a, pem: await exportSPKI(first.publicKey) },
      { issuer: b, jwks: await jwkSet(second) },
      { issuer: "https://c.example", secret },
    ];
    const { url } = await startHub(t, { issuers, resource });
    assert.equal(await statusOf(t, url("x"), await sign(a, first.privateKey)), 200);
    assert.equal(await statusOf(t, url("x"), await sign(b, second.privateKey)), 200);
    const shared = await sign("https://c.example", new TextEncoder().encode(secret), { alg: "HS256" });
    assert.equal(await statusOf(t, url("x"), shared), 200);
  });

  test("can be a PEM in one line, with \\n for the line breaks", async (t) => {
    const { publicKey, privateKey } = await pair();
    const pem = (await exportSPKI(publicKey)).replaceAll("\n", "\\n");
    const { url } = await startHub(t, { issuers: [{ issuer: a, pem }], resource });
    assert.equal(await statusOf(t, url("x"), await sign(a, privateKey)), 200);
  });

  // A trusted issuer signs a token in the name of another issuer.
  test("verify only their own issuer's tokens", async (t) => {
    const [first, second] = [await pair(), await pair()];
    const issuers = [
      { issuer: a, jwks: await jwkSet(first) },
      { issuer: b, jwks: await jwkSet(second) },
    ];
    const { url } = await startHub(t, { issuers, resource });
    assert.equal(await statusOf(t, url("x"), await sign(b, first.privateKey)), 401);
    assert.equal(await statusOf(t, url("x"), await sign("/", first.privateKey)), 401);
  });

  // The public key is public: a hub that uses it as a secret accepts tokens that anybody signs with it.
  test("reject an HMAC made with a public key", async (t) => {
    const pem = await exportSPKI((await pair()).publicKey);
    const { url } = await startHub(t, { issuers: [{ issuer: a, pem }], resource });
    const forged = await sign(a, new TextEncoder().encode(pem), { alg: "HS256" });
    assert.equal(await statusOf(t, url("x"), forged), 401);
  });

  // A token brings its own key.
  test("are used instead of any key that a token carries or points to", async (t) => {
    const [trusted, attacker] = [await pair(), await pair()];
    const { url } = await startHub(t, { issuers: [{ issuer: a, jwks: await jwkSet(trusted) }], resource });
    const jwk = await exportJWK(attacker.publicKey);
    for (const header of [{ jwk }, { jku: "https://evil.example/jwks" }, { x5u: "https://evil.example/x" }]) {
      assert.equal(await statusOf(t, url("x"), await sign(a, attacker.privateKey, header)), 401);
    }
  });

  test("an unknown kid still tries every key, and a known kid admits only a valid signature", async (t) => {
    const first = { ...(await pair()), kid: "1" };
    const second = { ...(await pair()), kid: "2" };
    const { url } = await startHub(t, { issuers: [{ issuer: a, jwks: await jwkSet(first, second) }], resource });
    assert.equal(await statusOf(t, url("x"), await sign(a, first.privateKey, { kid: "1" })), 200);
    assert.equal(await statusOf(t, url("x"), await sign(a, second.privateKey)), 200);
    assert.equal(await statusOf(t, url("x"), await sign(a, second.privateKey, { kid: "unknown" })), 200);
    assert.equal(await statusOf(t, url("x"), await sign(a, (await pair()).privateKey, { kid: "1" })), 401);
  });

  test("a token whose alg is not allowed is rejected, even when the key fits", async (t) => {
    const rsa = await generateKeyPair("RS256", { extractable: true });
    const pem = await exportSPKI(rsa.publicKey);
    const { url } = await startHub(t, { issuers: [{ issuer: a, pem, algorithms: ["RS256"] }], resource });
    assert.equal(await statusOf(t, url("x"), await sign(a, rsa.privateKey, { alg: "RS256" })), 200);
    const { privateKey } = await generateKeyPair("RS512", { extractable: true });
    assert.equal(await statusOf(t, url("x"), await sign(a, privateKey, { alg: "RS512" })), 401);
    const [, payload] = (await sign(a, rsa.privateKey, { alg: "RS256" })).split(".");
    const unsigned = Buffer.from(JSON.stringify({ alg: "none", typ: "at+jwt" })).toString("base64url");
    assert.equal(await statusOf(t, url("x"), `${unsigned}.${payload}.`), 401);
  });

  test("an issuer's keys verify 1.0 alone, and keys without an issuer 0.x", async (t) => {
    const { publicKey, privateKey } = await pair();
    const pem = await exportSPKI(publicKey);
    const older = await new SignJWT({ mercure: {} }).setProtectedHeader({ alg: "ES256" }).sign(privateKey);
    const newer = await sign(a, privateKey);
    const named = await startHub(t, { issuers: [{ issuer: a, pem }], resource });
    assert.equal(await statusOf(t, named.url("x"), older), 401);
    const nameless = await startHub(t, { issuers: [{ pem }], resource });
    assert.equal(await statusOf(t, nameless.url("x"), older), 200);
    assert.equal(await statusOf(t, nameless.url("x"), newer), 401);
  });

  test("a role's keys verify that role alone", async (t) => {
    const { publicKey, privateKey } = await pair();
    const issuers: IssuerOptions[] = [{ issuer: a, pem: await exportSPKI(publicKey), role: "publisher" }];
    const { url } = await startHub(t, { issuers, resource });
    assert.equal(await statusOf(t, url("x"), await sign(a, privateKey)), 401);
  });
});

describe("a JWK Set in a file", () => {
  test("is read again when it changes, and revokes tokens that only the old keys verify", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "jwks-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "keys.json");
    const [first, second] = [await pair(), await pair()];
    const write = async (...keys: GenerateKeyPairResult[]) =>
      writeFileSync(path, JSON.stringify(await jwkSet(...keys)));
    await write(first);
    const { url, errors } = await startHub(t, { issuers: [{ issuer: a, jwks: path }], resource });
    const [old, young] = [await sign(a, first.privateKey), await sign(a, second.privateKey)];
    assert.deepEqual([await statusOf(t, url("x"), old), await statusOf(t, url("x"), young)], [200, 401]);
    await write(first, second);
    assert.deepEqual([await statusOf(t, url("x"), old), await statusOf(t, url("x"), young)], [200, 200]);
    await write(second, await pair(), await pair());
    assert.deepEqual([await statusOf(t, url("x"), old), await statusOf(t, url("x"), young)], [401, 200]);
    rmSync(path);
    assert.equal(await statusOf(t, url("x"), young), 503);
    assert.equal(errors.length, 1);
  });
});

describe("a JWK Set at a URL", () => {
  test("is fetched once, and again when a token names a missing key", async (t) => {
    const first = { ...(await pair()), kid: "1" };
    const second = { ...(await pair()), kid: "2" };
    let set = await jwkSet(first);
    let requests = 0;
    const server = createServer((_req, res) => {
      requests++;
      res.setHeader("Content-Type", "application/json").end(JSON.stringify(set));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    const jwks = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
    t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
    const { url } = await startHub(t, { issuers: [{ issuer: a, jwks }], resource });
    const signed = (key: typeof first) => sign(a, key.privateKey, { kid: key.kid });
    const old = await signed(first);
    for (let i = 0; i < 3; i++) assert.equal(await statusOf(t, url("x"), old), 200);
    assert.equal(requests, 1);
    set = await jwkSet(second);
    // A stranger who invents key ids must not make the hub fetch endlessly.
    assert.equal(await statusOf(t, url("x"), await signed(second)), 401);
    assert.equal(requests, 1);
    t.mock.timers.tick(31_000);
    assert.equal(await statusOf(t, url("x"), await signed(second)), 200);
    assert.equal(await statusOf(t, url("x"), old), 401);
    assert.equal(requests, 2);
  });

  test("answers 503 when the fetch fails, reports it, and backs off", async () => {
    let requests = 0;
    let now = 0;
    const keys = jwkSetUrl(
      new URL("https://a.example/jwks"),
      async () => {
        requests++;
        throw new Error("down");
      },
      () => now,
    );
    for (let i = 0; i < 3; i++) await assert.rejects(keys.keysFor({ alg: "ES256" }));
    assert.equal(requests, 1);
    now = 5000;
    await assert.rejects(keys.keysFor({ alg: "ES256" }));
    assert.equal(requests, 2);
    assert.equal(keys.version, undefined);
  });

  // While the issuer is down, a stranger names unknown keys.
  test("keeps serving tokens of known keys when a refresh fails", async (t) => {
    const known = { ...(await pair()), kid: "1" };
    const set = await jwkSet(known);
    let requests = 0;
    const keys = jwkSetUrl(new URL("https://a.example/jwks"), async () => {
      if (++requests > 1) throw new Error("down");
      return Response.json(set);
    });
    t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
    assert.equal((await keys.keysFor({ alg: "ES256", kid: "1" })).length, 1);
    t.mock.timers.tick(31_000);
    for (let i = 0; i < 3; i++) await keys.keysFor({ alg: "ES256", kid: "unknown" });
    assert.equal(requests, 2);
    assert.equal((await keys.keysFor({ alg: "ES256", kid: "1" })).length, 1);
    t.mock.timers.tick(600_000);
    await assert.rejects(keys.keysFor({ alg: "ES256", kid: "1" }), /down/);
  });

  test("answers 503 over the socket when it is unusable", async (t) => {
    const server = createServer((_req, res) => res.end("no json"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    const jwks = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const { url, errors } = await startHub(t, { issuers: [{ issuer: a, jwks }], resource });
    const answer = await subscribe(t, url("x"), {
      Authorization: `Bearer ${await sign(a, (await pair()).privateKey)}`,
    });
    assert.equal(answer.status, 503);
    assert.ok(answer.headers["retry-after"]);
    assert.equal(errors.length, 1);
  });
});

describe("the answer of an issuer", () => {
  async function issuer(t: TestContext, answer: (res: ServerResponse) => void): Promise<URL> {
    const server = createServer((_req, res) => answer(res));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    t.after(() => server.closeAllConnections());
    return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  }

  // A compromised issuer sends an endless body, and fills the hub's memory.
  test("has a max size", async (t) => {
    let closed = false;
    const url = await issuer(t, (res) => {
      res.writeHead(200, { "Content-Type": "application/json" });
      const send = () => {
        while (res.write(" ".repeat(65_536)));
      };
      res.on("drain", send).on("close", () => {
        closed = true;
      });
      send();
    });
    await assert.rejects(jwkSetUrl(url).keysFor({ alg: "ES256" }));
    await until(() => closed);
  });

  // An issuer that stalls in the middle of its answer would block every request with its tokens.
  test("has a max duration, its body included", async (t) => {
    const url = await issuer(t, (res) => void res.writeHead(200).write('{"keys":['));
    await assert.rejects(jwkSetUrl(url, fetch, Date.now, 50).keysFor({ alg: "ES256" }));
  });

  // A redirect would make the hub call a host of the internal network.
  test("cannot redirect the hub", async (t) => {
    const inner = await issuer(t, () => assert.fail("asked"));
    const url = await issuer(t, (res) => void res.writeHead(302, { Location: inner.href }).end());
    await assert.rejects(jwkSetUrl(url).keysFor({ alg: "ES256" }));
  });
});

test("secrets in a JWK Set are never used", async () => {
  const source = jwkSetKeys({ keys: [{ kty: "oct", k: Buffer.from(secret).toString("base64url") }] });
  assert.deepEqual(await source.keysFor({ alg: "ES256" }), []);
});

test("issuers with no usable key, or with overly broad ones, are rejected", async () => {
  const pem = await exportSPKI((await pair()).publicKey);
  const transport = new MemoryTransport();
  const lists: unknown[] = [
    {},
    [null],
    [{ issuer: a }],
    [{ issuer: a, pem, secret }],
    [{ issuer: a, secret: "short" }],
    [{ issuer: a, secret, algorithms: ["HS512"] }],
    [{ issuer: a, secret: pem }],
    [{ issuer: a, secret, algorithms: ["none"] }],
    [{ issuer: a, secret, algorithms: ["RS256"] }],
    [{ issuer: a, pem, algorithms: ["HS256"] }],
    [{ issuer: a, pem, algorithms: ["ES256", "none"] }],
    [{ issuer: a, pem, algorithms: [] }],
    [{ issuer: a, pem: "no pem" }],
    [{ issuer: a, pem, role: "admin" }],
    [{ isuer: a, pem }],
    [{ issuer: a, jwks: {} }],
    [{ issuer: a, jwks: "no/such/file.json" }],
    [{ issuer: a, jwks: "http://a.example/jwks" }],
    [{ issuer: a, jwks: new URL("file:///etc/passwd") }],
  ];
  for (const issuers of lists) {
    const options = { transport, issuers } as HubOptions;
    assert.throws(() => new Hub(options), { code: "ERR_OPTION", message: /issuers/ }, JSON.stringify(issuers));
  }
  for (const name of ["subscriberKey", "publisherKey"]) {
    assert.throws(() => new Hub({ transport, [name]: pem }), { code: "ERR_OPTION", message: /PEM/ });
  }
});
