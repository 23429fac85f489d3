import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mysql from "mysql2/promise";
import { freePort } from "./free-port.js";
import { end, untilReady } from "./server-process.js";

const program = ["/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd", "/usr/local/bin/mariadbd"].find(existsSync);

/** The reason to skip tests that need MariaDB; false if it is installed. */
export const withoutMariadb = program === undefined && "MariaDB is not installed";

/** A real server of MariaDB with a data folder of its own. */
export class MariadbServer {
  readonly port: number;
  readonly #folder: string;
  #child: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.port = port;
  }

  static async start(): Promise<MariadbServer> {
    const folder = mkdtempSync(join(tmpdir(), "mariadb-"));
    const user = process.getuid?.() === 0 ? ["--user=root"] : [];
    const install = [
      "--no-defaults",
      `--datadir=${join(folder, "data")}`,
      ...user,
      "--auth-root-authentication-method=normal",
      "--skip-test-db",
    ];
    execFileSync("mariadb-install-db", install, { stdio: "pipe" });
    const server = new MariadbServer(folder, await freePort());
    await server.run();
    return server;
  }

  /** Starts the process, again after {@link MariadbServer.kill}. Resolves when it answers. */
  async run(): Promise<void> {
    const user = process.getuid?.() === 0 ? ["--user=root"] : [];
    this.#child = spawn(
      program!,
      [
        ...["--no-defaults", ...user, `--datadir=${join(this.#folder, "data")}`, `--port=${this.port}`],
        ...[`--socket=${join(this.#folder, "socket")}`, "--bind-address=127.0.0.1", "--innodb-buffer-pool-size=16M"],
        ...["--innodb-flush-log-at-trx-commit=2", "--skip-name-resolve"],
      ],
      { stdio: "ignore" },
    );
    await untilReady(this.#child, () => this.query("select 1").then(() => true));
  }

  uri(database: string): string {
    return `mysql://root@127.0.0.1:${this.port}/${database}`;
  }

  /** Creates an empty database, and returns its name. */
  async createDatabase(): Promise<string> {
    const name = `test_${randomBytes(6).toString("hex")}`;
    await this.query(`create database ${name}`);
    return name;
  }

  async query(text: string): Promise<void> {
    const connection = await mysql.createConnection({ uri: this.uri(""), connectTimeout: 60_000 });
    try {
      await connection.query(text);
    } finally {
      await connection.end();
    }
  }

  async kill(): Promise<void> {
    await end(this.#child!, "SIGKILL");
  }

  /** Ends the server, and deletes its data. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
