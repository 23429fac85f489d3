import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { application, streamUrlOf } from "../support/application.js";
import { until } from "../support/until.js";

/** A real nginx by plain HTTP, on a port that is not the usual one. */
async function nginx(t: TestContext, upstream: string, headers: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-nginx-"));
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
    http { access_log off; ${paths.join(" ")}
      server { listen 127.0.0.1:${port};
        location / { proxy_pass ${upstream}; proxy_http_version 1.1; ${headers} } } }`,
  );
  const child = spawn("nginx", ["-p", folder, "-c", join(folder, "nginx.conf")], { stdio: "ignore" });
  t.after(async () => {
    child.kill();
    await once(child, "exit");
    rmSync(folder, { recursive: true });
  });
  const origin = `http://127.0.0.1:${port}`;
  await until(() =>
    fetch(origin).then(
      () => true,
      () => false,
    ),
  );
  return origin;
}

const cases = [
  { name: "the documented settings", headers: "proxy_set_header Host $http_host;", status: 200 },
  {
    name: "X-Forwarded-Host from a trusted proxy",
    headers: "proxy_set_header X-Forwarded-Host $http_host;",
    trust: true,
    status: 200,
  },
  { name: "a host without its port", headers: "proxy_set_header Host $host;", status: 403 },
  { name: "X-Forwarded-Host from anybody", headers: "proxy_set_header X-Forwarded-Host $http_host;", status: 403 },
];

for (const { name, headers, trust = false, status } of cases) {
  test(`a stream by plain HTTP behind nginx with ${name} ${status === 200 ? "gets a new token" : "is refused one with a warning"}`, async (t) => {
    const { app, listen, warnings } = application(
      t,
      { "templates/index.njk": `<% MercureStream topic="a" private %>` },
      { authorize: () => true },
    );
    app.set("trust proxy", trust);
    app.get("/", (_req, res) => res.render("index"));
    const origin = await nginx(t, await listen(), headers);
    const stream = new URL(streamUrlOf(await (await fetch(origin)).text(), origin));
    const renew = (from: string) =>
      fetch(`${origin}/.well-known/mercure/renewal`, {
        method: "POST",
        headers: { Authorization: `Bearer ${stream.searchParams.get("authorization")}`, Origin: from },
      });
    assert.equal((await renew(origin)).status, status);
    assert.equal((await renew("http://elsewhere.example")).status, 403);
    assert.equal(warnings.filter((warning) => warning.includes("Host $http_host")).length, 1);
  });
}
