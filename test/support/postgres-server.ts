import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { freePort } from "./free-port.js";
import { hasEnded, untilReady } from "./server-process.js";
import { until } from "./until.js";

/** The folder of PostgreSQL's programs; undefined if it is not installed. */
export const postgresFolder = findPostgres();

/** The reason to skip tests that need PostgreSQL; false if it is installed. */
export const withoutPostgres = postgresFolder === undefined && "PostgreSQL is not installed";

function findPostgres(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(debian, version, "bin")), ...(process.env.PATH ?? "").split(":")];
  return folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")));
}

/** A real PostgreSQL server with a data folder of its own. */
export class PostgresServer {
  readonly #folder: string;
  readonly port: number;
  readonly #settings: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number, settings: readonly string[]) {
    this.port = port;
    this.#settings = settings;
    this.#folder = mkdtempSync(join(tmpdir(), "postgres-"));
    own(this.#folder);
  }

  /** @param settings - Settings of the server, such as `max_connections=200`. */
  static async start(settings: readonly string[] = []): Promise<PostgresServer> {
    const server = new PostgresServer(await freePort(), settings);
    server.#run("initdb", ["-D", server.#data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]);
    await server.restart();
    return server;
  }

  get url(): string {
    return this.urlOf("postgres");
  }

  get #data(): string {
    return join(this.#folder, "data");
  }

  /** Starts another server that follows this one. */
  async startStandby(): Promise<PostgresServer> {
    const standby = new PostgresServer(await freePort(), this.#settings);
    standby.#copy(this, standby.#data, ["-R"]);
    await standby.restart();
    return standby;
  }

  /** Makes a standby accept changes. */
  async promote(): Promise<void> {
    await this.query("select pg_promote()");
  }

  /** Copies all data while the server runs. See {@link PostgresServer.restore}. */
  backUp(): void {
    this.#copy(this, join(this.#folder, "backup"), []);
  }

  /** Starts the server, which must have ended, with the data of its backup. */
  async restore(): Promise<void> {
    rmSync(this.#data, { recursive: true });
    cpSync(join(this.#folder, "backup"), this.#data, { recursive: true, preserveTimestamps: true });
    own(this.#data);
    await this.restart();
  }

  urlOf(database: string, user = "postgres"): string {
    return `postgres://${user}@127.0.0.1:${this.port}/${database}`;
  }

  /** Starts the server's process. Resolves when it answers. */
  async restart(): Promise<void> {
    const { command, args } = unprivileged(join(postgresFolder!, "postgres"), [
      ...["-D", this.#data, "-p", String(this.port), "-k", this.#folder, "-c", "max_connections=200"],
      ...["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "max_prepared_transactions=4"],
      ...this.#settings.flatMap((setting) => ["-c", setting]),
    ]);
    this.#child = spawn(command, args, { stdio: ["ignore", "ignore", "ignore"] });
    await untilReady(this.#child, () => this.query("select 1"));
  }

  /** Creates an empty database, and returns its URL. */
  async createDatabase(): Promise<string> {
    const name = `test_${randomBytes(6).toString("hex")}`;
    await this.query(`create database ${name}`);
    return this.urlOf(name);
  }

  // biome-ignore lint/suspicious/noExplicitAny: rows have the columns of the query
  async query(text: string, values?: unknown[], url = this.url): Promise<any[]> {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 60_000 });
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** Ends all processes of the server at once, as the loss of power does. */
  async kill(): Promise<void> {
    const child = this.#child!;
    if (hasEnded(child)) return;
    const exited = once(child, "exit");
    for (const pid of this.processes()) signal(pid, "SIGKILL");
    await exited;
    await until(() => this.processes().length === 0);
  }

  /** Stops all processes of the server: connections stay open without an answer. */
  stall(): void {
    for (const pid of this.processes()) signal(pid, "SIGSTOP");
  }

  resume(): void {
    for (const pid of this.processes()) signal(pid, "SIGCONT");
  }

  /** Ends the server, and deletes its data. */
  async stop(): Promise<void> {
    this.resume();
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The ids of the postmaster and of its children. */
  processes(): number[] {
    const parent = this.#child?.pid;
    if (parent === undefined) return [];
    const isAlive = (pid: number) => stateOf(pid) !== undefined;
    return [parent, ...childrenOf(parent)].filter(isAlive);
  }

  #copy(server: PostgresServer, folder: string, more: readonly string[]): void {
    const from = ["-h", "127.0.0.1", "-p", String(server.port), "-U", "postgres"];
    this.#run("pg_basebackup", [...from, "-D", folder, "-X", "stream", "-c", "fast", ...more]);
  }

  #run(program: string, programArgs: string[]): void {
    const { command, args } = unprivileged(join(postgresFolder!, program), programArgs);
    mkdirSync(this.#folder, { recursive: true });
    execFileSync(command, args, { stdio: "pipe" });
  }
}

/** Gives a folder to the user of the server. */
export function own(folder: string): void {
  if (process.getuid?.() === 0) execFileSync("chown", ["-R", "postgres", folder]);
  chmodSync(folder, 0o700);
}

/** Runs a command as another user, because PostgreSQL refuses to run as root. */
function unprivileged(command: string, args: string[]): { command: string; args: string[] } {
  if (process.getuid?.() !== 0) return { command, args };
  return { command: "setpriv", args: ["--reuid=postgres", "--regid=postgres", "--clear-groups", command, ...args] };
}

function stateOf(pid: number): { state: string; parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" ? undefined : { state: state!, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => stateOf(pid)?.parent === parent);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // The process has ended meanwhile.
  }
}
