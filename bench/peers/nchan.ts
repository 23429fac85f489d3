import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../test/support/free-port.js";
import { startChild } from "../harness/child.js";
import { encodeTopic, type Peer } from "../harness/peer.js";

/** The path of Debian's package. */
const module = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/** The length of history in the library's hub. */
const usualHistory = 500;

export const nchan: Peer = {
  name: "nchan",
  what: "nginx with nchan, one worker",
  can: { history: true },
  missing() {
    const installed = spawnSync("nginx", ["-v"]).status === 0 && existsSync(module);
    return installed ? undefined : "nginx or nchan is not installed: apt-get install -y nginx libnginx-mod-nchan";
  },
  async start({ history }) {
    const folder = mkdtempSync(join(tmpdir(), "bench-nchan-"));
    // nginx cannot report its port.
    const port = await freePort();
    writeFileSync(join(folder, "nginx.conf"), configuration(folder, port, history));
    const args = ["-c", join(folder, "nginx.conf"), "-p", folder];
    const child = await startChild("nginx", args, /start worker process (\d+)/);
    const path = (place: string) => (topic: string) => `/${place}?id=${encodeTopic(topic)}`;
    return {
      port,
      pids: [child.pid, Number(child.announced)],
      streamPath: path("stream"),
      publishing: (topic) => ({ path: path("publish")(topic), body: "" }),
      publishHeaders: ["Content-Type: text/plain"],
      async stop() {
        await child.stop("SIGTERM");
        rmSync(folder, { recursive: true });
      },
    };
  },
};

/**
 * Returns the configuration of one worker without a log, because all other servers here have one thread for their
 * sockets.
 */
function configuration(folder: string, port: number, history: number | undefined): string {
  // nchan has no id for the beginning of history, so with history all streams begin there.
  const first = history === undefined ? "newest" : "oldest";
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `
load_module ${module};
user root;
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${folder}/nginx.pid;
error_log stderr notice;
events { worker_connections 19000; }
http {
  access_log off;
  keepalive_requests 1000000000;
  nchan_shared_memory_size 512m;
  nchan_message_buffer_length ${history ?? usualHistory};
  ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join("\n  ")}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /publish { nchan_publisher; nchan_channel_id $arg_id; }
    location = /stream {
      nchan_subscriber eventsource;
      nchan_channel_id $arg_id;
      nchan_subscriber_first_message ${first};
    }
  }
}
`;
}
