// Runs the lines of docs/deploy.md with the programs that they are for, as far as these are installed.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import express from "express";
import { type Kit, mercure } from "../../src/index.js";
import { openStream } from "../support/event-stream.js";
import { type ProxyProgram, startProxy, withoutCaddy, withoutHaproxy, withoutNginx } from "../support/proxies.js";
import { until } from "../support/until.js";
import { type Block, pages, root } from "./markdown.js";

const page = pages().find(({ path }) => path === "docs/deploy.md")!;
const secret = "0123456789abcdef0123456789abcdef";

function blockOf(language: string): Block {
  const blocks = page.blocks.filter((block) => block.language === language);
  assert.equal(blocks.length, 1, `blocks of ${language}`);
  return blocks[0]!;
}

/** Replaces parts of a configuration. A missing part fails the test. */
function replaceAll(text: string, parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts).reduce((result, [part, value]) => {
    assert.ok(result.includes(part), `the page has no ${part}`);
    return result.replaceAll(part, value);
  }, text);
}

interface Node {
  readonly kit: Kit;
  readonly host: string;
  end(): Promise<void>;
}

/** The application of the page, which shares its history by a folder. */
async function startNode(t: TestContext, folder: string): Promise<Node> {
  const app = express();
  const options = { secret, transport: `lmdb:${folder}/history`, templates: [], components: [] };
  const kit = mercure(app, options);
  app.set("trust proxy", 1);
  app.get("/healthz", (_req, res) => {
    const isServing = kit.hub.state === "ready" || kit.hub.state === "away";
    res.status(isServing ? 200 : 503).send(kit.hub.state);
  });
  app.get("/address", (req, res) => res.send(`${req.protocol} ${req.ip} ${req.headers.host}`));
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  let ended: Promise<unknown> | undefined;
  const end = async () => {
    ended ??= kit.close().then(() => {
      server.close();
      server.closeAllConnections();
    });
    await ended;
  };
  t.after(end);
  return { kit, host: `127.0.0.1:${(server.address() as AddressInfo).port}`, end };
}

const proxies: Readonly<
  Record<
    string,
    { skip: string | false; scheme: string; proxy: (block: string, hosts: readonly string[]) => ProxyProgram }
  >
> = {
  nginx: {
    skip: withoutNginx,
    scheme: "http",
    proxy: (block, hosts) => ({
      program: "nginx",
      arguments: (file) => ["-p", join(file, ".."), "-c", file],
      configuration: (port, folder) => {
        const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        const temporary = paths.map((name) => `${name}_temp_path ${folder}/${name};`).join(" ");
        const lines = replaceAll(block, {
          "listen 443 ssl;": `listen 127.0.0.1:${port};`,
          "http2 on;": "",
          "ssl_certificate /etc/ssl/example.com.pem;": "",
          "ssl_certificate_key /etc/ssl/example.com.key;": "",
          "127.0.0.1:3000": hosts[0]!,
          "127.0.0.1:3001": hosts[1]!,
        });
        return `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
          http { access_log off; ${temporary} ${lines} }`;
      },
    }),
  },
  haproxy: {
    skip: withoutHaproxy,
    scheme: "https",
    proxy: (block, hosts) => ({
      program: "haproxy",
      arguments: (file) => ["-db", "-f", file],
      configuration: (port) =>
        replaceAll(block, {
          "bind :443 ssl crt /etc/haproxy/example.com.pem alpn h2,http/1.1": `bind 127.0.0.1:${port}`,
          "127.0.0.1:3000": hosts[0]!,
          "127.0.0.1:3001": hosts[1]!,
        }),
    }),
  },
  caddy: {
    skip: withoutCaddy,
    scheme: "http",
    proxy: (block, hosts) => ({
      program: "env",
      arguments: (file) => [
        ...["XDG_CONFIG_HOME", "XDG_DATA_HOME"].map((name) => `${name}=${join(file, "..")}`),
        ...["caddy", "run", "--adapter", "caddyfile", "--config", file],
      ],
      configuration: (port) => {
        const lines = replaceAll(block, {
          "example.com {": `http://127.0.0.1:${port} {`,
          "127.0.0.1:3000": hosts[0]!,
          "127.0.0.1:3001": hosts[1]!,
        });
        return `{\n  admin off\n}\n${lines}`;
      },
    }),
  },
};

describe("the lines of docs/deploy.md", () => {
  for (const [name, { skip, scheme, proxy }] of Object.entries(proxies)) {
    test(`${name} brings the updates of both processes to a stream, and its clients to the other when one ends`, {
      skip,
    }, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), "deploy-"));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      const [one, two] = [await startNode(t, folder), await startNode(t, folder)];
      const origin = await startProxy(t, proxy(blockOf(name).code, [one.host, two.host]));
      const host = new URL(origin).host;
      assert.equal(await (await fetch(`${origin}/address`)).text(), `${scheme} 127.0.0.1 ${host}`);

      const url = `${origin}/.well-known/mercure?topic=messages`;
      const stream = await openStream(t, url);
      await one.kit.sse.publish("messages", "1");
      const { id, data } = (await stream.next())!;
      assert.equal(data, "1");
      await two.kit.sse.publish("messages", "2");
      assert.equal((await stream.next())?.data, "2");

      await one.end();
      // A proxy can need a moment to notice that the process has ended.
      await until(async () => {
        const statuses = [await fetch(`${origin}/address`), await fetch(`${origin}/address`)].map(
          (each) => each.status,
        );
        return statuses.every((status) => status === 200);
      });
      const resumed = await openStream(t, url, { headers: { "Last-Event-ID": id! } });
      assert.equal(resumed.response.headers.get("last-event-id"), id);
      assert.equal((await resumed.next())?.data, "2");
      await two.kit.sse.publish("messages", "3");
      assert.equal((await resumed.next())?.data, "3");
    });
  }

  test("make a unit that systemd accepts", { skip: withoutSystemd() }, (t) => {
    const folder = mkdtempSync(join(tmpdir(), "unit-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "application.service");
    // systemd looks for the program.
    writeFileSync(file, replaceAll(blockOf("ini").code, { "/usr/bin/node": process.execPath }));
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", file], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stderr, /application\.service/);
  });

  const dockerfile = () => blockOf("dockerfile").code;

  // Without a builder only the steps are checked: each instruction is known, and its files are there.
  test("have a container file whose steps exist", () => {
    const steps = dockerfile()
      .trim()
      .split("\n")
      .map((line) => [...(/^([A-Z]+) (.+)$/.exec(line)?.slice(1) ?? [])] as [string, string]);
    const names = ["FROM", "WORKDIR", "COPY", "RUN", "COPY", "RUN", "VOLUME", "ENV", "USER", "EXPOSE", "CMD"];
    assert.deepEqual(
      steps.map(([name]) => name),
      names,
    );
    const [, version] = /^node:(\d+)-slim$/.exec(steps[0]![1]) ?? [];
    const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { engines: { node: string } };
    assert.ok(Number(version) > Number(/\d+/.exec(engines.node)![0]) && Number(version) % 2 === 0);
    const [command, program] = JSON.parse(steps.at(-1)![1]) as string[];
    assert.equal(command, "node");
    assert.ok(page.blocks.some(({ file }) => file === program));
    const [, volume] = steps.find(([name]) => name === "VOLUME")!;
    assert.match(steps.find(([name]) => name === "ENV")![1], new RegExp(`lmdb:${volume}$`));
  });

  const builder = findBuilder();
  test("have a container file that builds", {
    skip: builder === undefined && "no builder of containers runs here",
  }, (t) => {
    const folder = mkdtempSync(join(tmpdir(), "container-"));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "Dockerfile"), dockerfile());
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "application", version: "1.0.0" }));
    const lock = { name: "application", version: "1.0.0", lockfileVersion: 3, packages: {} };
    writeFileSync(join(folder, "package-lock.json"), JSON.stringify(lock));
    writeFileSync(join(folder, "server.js"), "console.log(process.env.MERCURE_TRANSPORT_URL);");
    execFileSync(builder!, ["build", "--tag", "htmx-mercure-test", folder], { stdio: "pipe" });
    const output = execFileSync(builder!, ["run", "--rm", "htmx-mercure-test"], { encoding: "utf8" });
    assert.equal(output.trim(), "lmdb:/history");
    execFileSync(builder!, ["rmi", "htmx-mercure-test"], { stdio: "ignore" });
  });
});

function withoutSystemd(): string | false {
  return spawnSync("systemd-analyze", ["--version"]).status === 0 ? false : "systemd-analyze is not installed";
}

/** Returns the program that builds containers; undefined without one, or where its daemon does not run. */
function findBuilder(): string | undefined {
  const canRun = (name: string) => name !== "docker" || existsSync("/var/run/docker.sock");
  return ["docker", "podman"].find((name) => canRun(name) && spawnSync(name, ["info"]).status === 0);
}
