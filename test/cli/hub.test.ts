import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { request } from "node:https";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { subscribe, token } from "../hub/fixture.js";
import { run, secret, startHub, temporaryFolder } from "./fixture.js";

const production = { NODE_ENV: "production", SECRET_KEY: secret };

async function publish(url: string, jwt: string, topic = "a"): Promise<number> {
  const headers = { Authorization: `Bearer ${jwt}` };
  const response = await fetch(url, { method: "POST", headers, body: new URLSearchParams({ topic, data: "hello" }) });
  await response.text();
  return response.status;
}

describe("starting", () => {
  test("creates a secret in development, and prints the URL and a publisher's token that works", async (t) => {
    const hub = await startHub(t, [], {});
    assert.match(hub.url, /^http:\/\/127\.0\.0\.1:[0-9]+\/\.well-known\/mercure$/);
    await hub.until(() => /token.*: \S+\n/.test(hub.stdout()));
    const jwt = /token.*: (\S+)\n/.exec(hub.stdout())![1]!;
    const subscriber = await subscribe(t, `${hub.url}?topic=a`);
    assert.equal(await publish(hub.url, jwt), 200);
    await subscriber.until(({ data }) => data[0] === "hello");
  });

  test("prints no token in production", async (t) => {
    const hub = await startHub(t, [], { env: production });
    hub.child.kill();
    const { stdout } = await hub.ended;
    assert.doesNotMatch(stdout, /token/i);
  });

  for (const [why, env] of [
    ["no secret", { NODE_ENV: "production" }],
    ["a short secret", { ...production, SECRET_KEY: "short" }],
    ["one short secret of two", { ...production, MERCURE_PUBLISHER_JWT_KEY: "short" }],
  ] as const) {
    test(`refuses to start in production with ${why}`, async (t) => {
      const { code, stdout, stderr } = await run(t, ["hub", "--port", "0"], { env });
      assert.equal(code, 2);
      assert.equal(stdout, "");
      assert.match(stderr, /secret/);
    });
  }

  test("reports a port that another program uses", async (t) => {
    const server = createServer().listen(0, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening");
    const port = String((server.address() as AddressInfo).port);
    const { code, stderr } = await run(t, ["hub", "--no-monitor", "--port", port], { env: production });
    assert.equal(code, 1);
    assert.equal(
      stderr,
      `htmx-mercure: Cannot listen on 127.0.0.1, port ${port}: another program uses this port; choose another one.\n`,
    );
  });

  test("rejects flags and variables out of bounds by name", async (t) => {
    const flag = await run(t, ["hub", "--port", "65536"], { env: production });
    assert.equal(flag.code, 2);
    assert.match(flag.stderr, /--port must be a whole number, min 0, max 65535, not 65536/);
    const variable = await run(t, ["hub", "--port", "0"], { env: { ...production, MERCURE_HUB_ALLOW_ANONYMOUS: "?" } });
    assert.equal(variable.code, 2);
    assert.match(variable.stderr, /MERCURE_HUB_ALLOW_ANONYMOUS must be true or false/);
  });
});

describe("options", () => {
  test("reach the hub", async (t) => {
    const flags = [
      "--path",
      "/live",
      "--cookie-name",
      "jwt",
      "--no-allow-anonymous",
      "--max-publish-bytes",
      "10",
    ].concat(["--no-subscriptions", "--cors-origin", "https://a.example", "--cors-origin", "https://b.example"]);
    const { url } = await startHub(t, flags, { env: production });
    assert.ok(url.endsWith("/live"));
    assert.equal((await fetch(`${url}?topic=a`)).status, 401);
    const jwt = await token({ subscribe: ["*"] }, {}, secret);
    const headers = { Authorization: `Bearer ${jwt}`, Origin: "https://b.example" };
    const subscriptions = await fetch(`${url}/subscriptions`, { headers });
    assert.equal(subscriptions.status, 404);
    assert.equal(subscriptions.headers.get("access-control-allow-origin"), "https://b.example");
    assert.equal((await subscribe(t, `${url}?topic=a`, { Cookie: `jwt=${jwt}` })).status, 200);
    assert.equal(await publish(url, await token({ publish: ["*"] }, {}, secret)), 413);
  });

  test("set limits by flags and variables", async (t) => {
    const flags = ["--max-connections-per-address", "1", "--max-matcher-length", "3"];
    const { url } = await startHub(t, flags, { env: { ...production, MERCURE_HUB_MAX_MATCHERS: "1" } });
    const statusOf = async (query: string) => (await subscribe(t, `${url}?${query}`)).status;
    assert.equal(await statusOf("topic=a"), 200);
    assert.equal(await statusOf("topic=a"), 429);
    assert.equal(await statusOf("topic=a&topic=b"), 400);
    assert.equal(await statusOf("topic=abcd"), 400);
    const { code, stderr } = await run(t, ["hub"], { env: { ...production, MERCURE_HUB_MAX_CONNECTIONS: "many" } });
    assert.equal(code, 2);
    assert.match(stderr, /MERCURE_HUB_MAX_CONNECTIONS must be a whole number/);
  });

  for (const [how, flags, env] of [
    ["the flag", ["--clock-tolerance", "200"], {}],
    ["the variable", [], { MERCURE_HUB_CLOCK_TOLERANCE: "200" }],
  ] as const) {
    test(`accept tokens of an issuer whose clock is ahead, by ${how}`, async (t) => {
      const { url } = await startHub(t, flags, { env: { ...production, ...env } });
      const jwtAhead = (seconds: number) =>
        token({ publish: ["*"] }, { iat: Math.floor(Date.now() / 1000) + seconds }, secret);
      assert.equal(await publish(url, await jwtAhead(100)), 200);
      assert.equal(await publish(url, await jwtAhead(1000)), 401);
    });
  }

  test("rejects a clock tolerance that is out of bounds", async (t) => {
    const { code, stderr } = await run(t, ["hub", "--clock-tolerance", "301"], { env: production });
    assert.equal(code, 2);
    assert.match(stderr, /--clock-tolerance must be a number, min 0, max 300, not 301/);
  });

  test("count streams by the addresses that a trusted proxy tells", async (t) => {
    const limit = ["--max-connections-per-address", "1"];
    const from = async (url: string, address: string) =>
      (await subscribe(t, `${url}?topic=a`, { "X-Forwarded-For": address })).status;
    const trusting = await startHub(t, [...limit, "--trusted-proxy", "127.0.0.0/8"], { env: production });
    assert.deepEqual([await from(trusting.url, "192.0.2.1"), await from(trusting.url, "192.0.2.2")], [200, 200]);
    assert.equal(await from(trusting.url, "192.0.2.1"), 429);
    const byVariable = await startHub(t, limit, { env: { ...production, MERCURE_HUB_TRUSTED_PROXIES: "127.0.0.1" } });
    assert.deepEqual([await from(byVariable.url, "192.0.2.1"), await from(byVariable.url, "192.0.2.2")], [200, 200]);
    const other = await startHub(t, limit, { env: production });
    assert.deepEqual([await from(other.url, "192.0.2.1"), await from(other.url, "192.0.2.2")], [200, 429]);
  });

  test("disable publishing over HTTP, by flag and by variable", async (t) => {
    const jwt = await token({ publish: ["*"] }, {}, secret);
    const byFlag = await startHub(t, ["--no-allow-publish"]);
    assert.equal(await publish(byFlag.url, jwt), 405);
    const byVariable = await startHub(t, [], { env: { ...production, MERCURE_HUB_ALLOW_PUBLISH: "false" } });
    assert.equal(await publish(byVariable.url, jwt), 405);
  });

  const keys = {
    publisher: "publisher-publisher-publisher-32",
    subscriber: "subscriber-subscriber-subscriber",
  };

  async function assertKeys(t: TestContext, url: string) {
    assert.equal(await publish(url, await token({ publish: ["*"] }, {}, keys.publisher)), 200);
    assert.equal(await publish(url, await token({ publish: ["*"] }, {}, keys.subscriber)), 401);
    const jwt = await token({ subscribe: ["*"] }, {}, keys.subscriber);
    assert.equal((await subscribe(t, `${url}?topic=a&authorization=${jwt}`)).status, 200);
  }

  test("read secrets from the variables that Mercure deployments use", async (t) => {
    const env = { MERCURE_PUBLISHER_JWT_KEY: keys.publisher, MERCURE_SUBSCRIBER_JWT_KEY: keys.subscriber };
    await assertKeys(t, (await startHub(t, [], { env })).url);
  });

  test("read secrets from a file and from the standard input, without the line break that editors add", async (t) => {
    const cwd = temporaryFolder(t);
    writeFileSync(join(cwd, "subscriber.key"), `${keys.subscriber}\n`);
    const flags = ["--publisher-secret-file", "-", "--subscriber-secret-file", "subscriber.key"];
    await assertKeys(t, (await startHub(t, flags, { cwd, input: `${keys.publisher}\n` })).url);
  });

  test("read a .env file, and prefer variables that are already set", async (t) => {
    const cwd = temporaryFolder(t);
    const lines = [
      "NODE_ENV=production",
      `MERCURE_PUBLISHER_JWT_KEY=${keys.publisher}`,
      "MERCURE_SUBSCRIBER_JWT_KEY=x",
    ];
    writeFileSync(join(cwd, ".env"), lines.join("\n"));
    await assertKeys(t, (await startHub(t, [], { cwd, env: { MERCURE_SUBSCRIBER_JWT_KEY: keys.subscriber } })).url);
    const missing = await run(t, ["hub", "--port", "0", "--dotenv", "other.env"], { cwd });
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /other\.env/);
  });

  // Every user of a machine can read the arguments of all its processes.
  test("hide a secret on the command line from ps", { skip: !isLinux() }, async (t) => {
    const { child, stdout, stderr } = await startHub(t, ["--secret", secret], { env: { NODE_ENV: "production" } });
    assert.doesNotMatch(readFileSync(`/proc/${child.pid}/cmdline`, "utf8"), new RegExp(secret));
    assert.ok(!stdout().includes(secret) && !stderr().includes(secret));
  });
});

function isLinux(): boolean {
  return process.platform === "linux";
}

describe("ending", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    test(`closes streams on ${signal}, spreads reconnections, and exits with 0`, async (t) => {
      const hub = await startHub(t, ["--retry-spread", "60"]);
      // An idle connection without a request must not keep the hub open either.
      const idle = connect(Number(new URL(hub.url).port), "127.0.0.1");
      idle.on("error", () => {});
      await once(idle, "connect");
      // The test keeps the responses: newer Nodes cancel the body of a collected one.
      const responses = await Promise.all(Array.from({ length: 4 }, () => fetch(`${hub.url}?topic=a`)));
      hub.child.kill(signal);
      const texts = await Promise.all(responses.map((response) => response.text()));
      const times = texts.map((text) => Number(/^retry: ([0-9]+)\n\n$/m.exec(text)?.[1]));
      for (const time of times) assert.ok(time > 1000 && time <= 61_000, `retry is ${time}`);
      assert.ok(new Set(times).size > 1, "all come back at once");
      assert.equal((await hub.ended).code, 0);
    });
  }

  test("cuts off an unfinished request after a bounded time", async (t) => {
    const hub = await startHub(t, ["--shutdown-timeout", "0.1"]);
    const socket = connect(Number(new URL(hub.url).port), "127.0.0.1");
    socket.on("error", () => {});
    const jwt = await token({ publish: ["*"] }, {}, secret);
    const head = [
      "POST /.well-known/mercure HTTP/1.1",
      "Host: x",
      `Authorization: Bearer ${jwt}`,
      "Content-Type: application/x-www-form-urlencoded",
      "Content-Length: 100",
      "Expect: 100-continue",
    ];
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    // 100 Continue: the hub has the request, and waits for its body.
    await once(socket, "data");
    hub.child.kill();
    assert.equal((await hub.ended).code, 0);
  });

  test("exits at once on a second signal", async (t) => {
    const hub = await startHub(t, ["--shutdown-timeout", "3600"]);
    const socket = connect(Number(new URL(hub.url).port), "127.0.0.1");
    socket.on("error", () => {});
    const jwt = await token({ publish: ["*"] }, {}, secret);
    socket.write(
      `POST /.well-known/mercure HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${jwt}\r\nExpect: 100-continue\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\n`,
    );
    await once(socket, "data");
    hub.child.kill("SIGTERM");
    await hub.until(() => hub.stderr().includes("shutting down"));
    hub.child.kill("SIGTERM");
    assert.equal((await hub.ended).code, 143);
  });
});

describe("TLS", () => {
  function certificate(cwd: string): string[] {
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
    const files = ["-keyout", "key.pem", "-out", "cert.pem"];
    const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    execFileSync("openssl", ["req", "-x509", ...kind, ...files, ...subject], { cwd, stdio: "ignore" });
    return ["--cert", "cert.pem", "--key", "key.pem"];
  }

  test("serves HTTP/2 and HTTP/1.1 side by side, and both end", async (t) => {
    const cwd = temporaryFolder(t);
    const hub = await startHub(t, certificate(cwd), { cwd, env: production });
    assert.match(hub.url, /^https:/);
    const ca = readFileSync(join(cwd, "cert.pem"));

    const session = connectHttp2(hub.url, { ca });
    t.after(() => session.destroy());
    const stream = session.request({ ":path": "/.well-known/mercure?topic=a" });
    const [headers] = await once(stream, "response");
    assert.equal(headers[":status"], 200);
    let text = "";
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });

    const jwt = await token({ publish: ["*"] }, {}, secret);
    const req = request(hub.url, { ca, method: "POST", headers: { Authorization: `Bearer ${jwt}` } });
    req.setHeader("Content-Type", "application/x-www-form-urlencoded");
    req.end("topic=a&data=hello");
    const [res] = await once(req, "response");
    assert.equal(res.httpVersion, "1.1");
    assert.equal(res.statusCode, 200);
    res.resume();
    while (!text.includes("data: hello\n\n")) await once(stream, "data");

    hub.child.kill();
    await once(stream, "close");
    assert.match(text, /^retry: [0-9]+$/m);
    assert.equal((await hub.ended).code, 0);
  });

  // A silent client has not completed its TLS handshake, and must not keep the hub from ending.
  test("cuts off a client that never shakes hands", async (t) => {
    const cwd = temporaryFolder(t);
    const flags = [...certificate(cwd), "--shutdown-timeout", "0.1"];
    const hub = await startHub(t, flags, { cwd, env: production });
    const socket = connect(Number(new URL(hub.url).port), "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "connect");
    hub.child.kill();
    assert.equal((await hub.ended).code, 0);
  });

  test("rejects missing and invalid certificate files", async (t) => {
    const cwd = temporaryFolder(t);
    writeFileSync(join(cwd, "no.pem"), "no");
    const refuses = async (flags: string[], message: RegExp) => {
      const { code, stderr } = await run(t, ["hub", "--port", "0", ...flags], { cwd, env: production });
      assert.equal(code, 2);
      assert.match(stderr, message);
    };
    await refuses(["--cert", "no.pem"], /Use the flags --cert and --key together/);
    await refuses(["--cert", "no.pem", "--key", "missing.pem"], /--key cannot be read: .*missing\.pem/);
    await refuses(
      ["--cert", "no.pem", "--key", "no.pem"],
      /Cannot load the certificate and key given by --cert and --key/,
    );
  });
});
