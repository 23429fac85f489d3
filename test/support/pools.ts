import { AsyncResource } from "node:async_hooks";
import { EventEmitter, once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { PassThrough } from "node:stream";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import mysql from "mysql2";
import pg from "pg";

/**
 * Calls back later. The first call opens a resource that all later ones share, so their callbacks can run in its
 * context.
 */
export type Pool = (done: () => void) => void;

/** The pools that deliver callbacks, by name; `isShared` if callbacks run in the context of the first call. */
export const pools: Readonly<
  Record<string, { readonly isShared: boolean; readonly open: (t: TestContext) => Promise<Pool> }>
> = {
  "a pool of pg": { isShared: true, open: postgresPool },
  "a pool of mysql2": { isShared: true, open: mysqlPool },
  "an event emitter": { isShared: true, open: async (t) => emitterPool(t) },
  "an AsyncResource": { isShared: true, open: async () => resourcePool() },
  "a stream": { isShared: false, open: async () => streamPool() },
  "util.promisify": {
    isShared: false,
    open: async (t) => {
      const pool = await postgresPool(t);
      const query = promisify((done: (error: null) => void) => pool(() => done(null)));
      return (done) => void query().then(done);
    },
  },
};

async function postgresPool(t: TestContext): Promise<Pool> {
  const port = await listening(t, postgresServer());
  const pool = new pg.Pool({ host: "127.0.0.1", port, user: "test", database: "test", max: 1 });
  t.after(() => pool.end());
  return (done) => void pool.query("SELECT 1", called(done));
}

async function mysqlPool(t: TestContext): Promise<Pool> {
  const server = mysql.createServer((connection) => {
    // Each command restarts the numbers of packets, which this server leaves to its user.
    const numbered = connection as unknown as { sequenceId: number; writeOk(result: object): void };
    connection.on("error", () => {});
    connection.serverHandshake({
      protocolVersion: 10,
      serverVersion: "8.0.0",
      connectionId: 1,
      statusFlags: 2,
      characterSet: 8,
      capabilityFlags: 0xff_ff_ff,
      authCallback: (_credentials: object, next: (error: null) => void) => {
        next(null);
        numbered.sequenceId = 0;
      },
    });
    connection.on("query", () => {
      numbered.sequenceId = 1;
      numbered.writeOk({});
      numbered.sequenceId = 0;
    });
  });
  const port = await listening(t, (server as unknown as { _server: Server })._server);
  const pool = mysql.createPool({ host: "127.0.0.1", port, user: "test", connectionLimit: 1 });
  t.after(() => pool.promise().end());
  return (done) => void pool.query("SELECT 1", called(done));
}

/** The events come from a timer that the first call starts. */
function emitterPool(t: TestContext): Pool {
  const events = new EventEmitter();
  let timer: NodeJS.Timeout | undefined;
  t.after(() => clearInterval(timer));
  return (done) => {
    events.once("done", done);
    timer ??= setInterval(() => events.emit("done"), 1);
  };
}

function resourcePool(): Pool {
  let resource: AsyncResource | undefined;
  return (done) => {
    resource ??= new AsyncResource("pool");
    setImmediate(() => resource!.runInAsyncScope(done));
  };
}

function streamPool(): Pool {
  let stream: PassThrough | undefined;
  return (done) => {
    stream ??= new PassThrough();
    stream.once("data", done);
    stream.write(".");
  };
}

function called(done: () => void): (error: Error | null) => void {
  return (error) => {
    if (error) throw error;
    done();
  };
}

async function listening(t: TestContext, server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Supports the subset of PostgreSQL's protocol that a simple query needs. Documentation of PostgreSQL, chapter 55. */
function postgresServer(): Server {
  const message = (type: string, ...parts: Buffer[]) => {
    const body = Buffer.concat(parts);
    const head = Buffer.alloc(5);
    head.write(type, "latin1");
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const ready = message("Z", Buffer.from("I"));
  const authenticated = Buffer.concat([message("R", Buffer.alloc(4)), ready]);
  const answered = Buffer.concat([message("C", Buffer.from("SELECT 0\0")), ready]);
  return createServer((socket) => {
    let received = Buffer.alloc(0);
    let hasBegun = false;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (;;) {
        const typeLength = hasBegun ? 1 : 0;
        if (received.length < typeLength + 4) return;
        const length = typeLength + received.readInt32BE(typeLength);
        if (received.length < length) return;
        const isQuery = hasBegun && received[0] === "Q".charCodeAt(0);
        received = received.subarray(length);
        if (!hasBegun) socket.write(authenticated);
        else if (isQuery) socket.write(answered);
        hasBegun = true;
      }
    });
  });
}
