import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { freePort } from "./free-port.js";
import { end, untilReady } from "./server-process.js";

/** The program of the server: REDIS_SERVER=valkey-server runs the tests and the faults with Valkey. */
const program = process.env.REDIS_SERVER ?? "redis-server";

const isInstalled = (name: string) => name !== "" && spawnSync(name, ["--version"]).status === 0;

/** The reason to skip tests that need a server; false if it is installed. */
export const withoutRedis = isInstalled(program) ? false : `${program} is not installed`;

/** The program of Redis 8. Its WAITAOF confirms only updates that are on the disk. */
export const redis8 = process.env.REDIS_8_SERVER ?? "";

export const withoutRedis8 = isInstalled(redis8) ? false : "REDIS_8_SERVER does not name a program of Redis 8";

export interface RedisServerOptions {
  /** Lines of its configuration. */
  readonly lines?: readonly string[];
  readonly isSentinel?: boolean;
  /** The program of the server. Default: the program of the tests. */
  readonly program?: string;
  /** Variables of its environment, besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A real server in a folder of its own, on a port of its own. */
export class RedisServer {
  readonly port: number;
  readonly folder = mkdtempSync(join(tmpdir(), "htmx-mercure-redis-"));
  readonly #isSentinel: boolean;
  readonly #program: string;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;

  private constructor(port: number, { lines = [], isSentinel = false, ...more }: RedisServerOptions) {
    this.port = port;
    this.#program = more.program ?? program;
    this.#env = more.env ?? {};
    this.#isSentinel = isSentinel;
    const own = isSentinel ? [] : ['save ""', "repl-diskless-sync-delay 0"];
    const common = [
      `port ${port}`,
      "bind 127.0.0.1",
      "daemonize no",
      `dir ${this.folder}`,
      `logfile ${this.folder}/log`,
    ];
    writeFileSync(this.#configuration, [...common, ...own, ...lines, ""].join("\n"));
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), options);
    await server.run();
    return server;
  }

  get #configuration(): string {
    return join(this.folder, "redis.conf");
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /**
   * Starts the process, again after {@link RedisServer.kill}, with the data on its disk.
   *
   * @param more - Arguments that change its configuration.
   */
  async run(more: readonly string[] = []): Promise<void> {
    const args = [this.#configuration, ...(this.#isSentinel ? ["--sentinel"] : []), ...more];
    // A server that ignores this signal answers a write above its limit of files with an error, as on a full disk.
    const child = spawn("sh", ["-c", 'trap "" XFSZ; exec "$0" "$@"', this.#program, ...args], {
      stdio: "ignore",
      env: { ...process.env, ...this.#env },
    });
    this.#child = child;
    await untilReady(child, async () => (await this.command("PING")) === "PONG", join(this.folder, "log"));
  }

  /** Sends one command on a connection of its own. */
  async command(...args: readonly string[]): Promise<unknown> {
    const client = createClient({
      url: this.url,
      RESP: 2,
      disableClientInfo: true,
      maintNotifications: "disabled",
      socket: { reconnectStrategy: false, connectTimeout: 60_000 },
    });
    client.on("error", () => {});
    await client.connect();
    try {
      return await client.sendCommand(args);
    } finally {
      client.destroy();
    }
  }

  async kill(): Promise<void> {
    if (this.#child !== undefined) await end(this.#child, "SIGKILL");
  }

  stall(): void {
    this.#child!.kill("SIGSTOP");
  }

  resume(): void {
    this.#child!.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
