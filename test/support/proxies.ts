import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { freePort } from "./free-port.js";
import { end, untilReady } from "./server-process.js";

/** The reason to skip tests with a proxy; false if it is installed. */
export const withoutNginx = spawnSync("nginx", ["-v"]).status === 0 ? false : "nginx is not installed";
export const withoutHaproxy = spawnSync("haproxy", ["-v"]).status === 0 ? false : "haproxy is not installed";
export const withoutCaddy = spawnSync("caddy", ["version"]).status === 0 ? false : "caddy is not installed";

export interface ProxyProgram {
  readonly program: string;
  readonly arguments: (file: string) => string[];
  readonly configuration: (port: number, folder: string) => string;
}

/** Starts a real proxy over plain HTTP, on a port that is not the usual one. */
export async function startProxy(t: TestContext, proxy: ProxyProgram): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "htmx-mercure-proxy-"));
  const port = await freePort();
  const file = join(folder, "proxy.conf");
  writeFileSync(file, proxy.configuration(port, folder));
  const child = spawn(proxy.program, proxy.arguments(file), { stdio: "ignore" });
  t.after(async () => {
    await end(child);
    rmSync(folder, { recursive: true });
  });
  const origin = `http://127.0.0.1:${port}`;
  await untilReady(child, () => fetch(origin));
  return origin;
}

export function startNginx(t: TestContext, locations: string): Promise<string> {
  return startProxy(t, {
    program: "nginx",
    arguments: (file) => ["-p", join(file, ".."), "-c", file],
    configuration: (port, folder) => {
      const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
        (name) => `${name}_temp_path ${folder}/${name};`,
      );
      return `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
        http { access_log off; ${paths.join(" ")}
          server { listen 127.0.0.1:${port}; ${locations} } }`;
    },
  });
}

/**
 * @param upstream - The origin of the application.
 * @param rules - The lines of the front end between `bind` and `default_backend`.
 */
export function startHaproxy(t: TestContext, upstream: string, rules: readonly string[] = []): Promise<string> {
  return startProxy(t, {
    program: "haproxy",
    arguments: (file) => ["-db", "-f", file],
    configuration: (port) =>
      [
        "defaults",
        "  mode http",
        "  timeout connect 5s",
        "  timeout client 60s",
        "  timeout server 60s",
        "frontend pages",
        `  bind 127.0.0.1:${port}`,
        ...rules.map((rule) => `  ${rule}`),
        "  default_backend application",
        "backend application",
        `  server node ${new URL(upstream).host}`,
        "",
      ].join("\n"),
  });
}
