import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { TLSSocket, Server as TlsServer } from "node:tls";
import type { Hub } from "../hub/index.js";
import type { Certificate } from "./certificate.js";
import { Failure, UsageError } from "./errors.js";

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly certificate?: Certificate | undefined;
}

export interface ListeningServer {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** Takes no more connections, and resolves when all have ended; those that have not in this many seconds are cut. */
  close(timeout: number): Promise<void>;
}

/**
 * Starts a server: HTTP/1.1, or with a certificate HTTP/2 and HTTP/1.1 over TLS.
 *
 * @throws Failure where it cannot listen, UsageError where the certificate is none.
 */
export async function listen(handle: Hub["handle"], address: Address): Promise<ListeningServer> {
  const { host, port, certificate } = address;
  const server = certificate === undefined ? createServer(handle) : secureServer(handle, certificate);
  const close = server instanceof TlsServer ? secureCloser(server) : plainCloser(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(cannotListen(error, address)));
    server.listen({ host, port }, resolve);
  });
  return { host, port: (server.address() as AddressInfo).port, secure: certificate !== undefined, close };
}

/**
 * The URL's beginning under which a server is reached from its own machine. Where it listens everywhere it is that of the
 * default, which tokens of Mercure 1.0 name that commands make.
 */
export function originOf({ host, port, secure }: Pick<ListeningServer, "host" | "port" | "secure">): string {
  const name = { "0.0.0.0": "127.0.0.1", "::": "127.0.0.1" }[host] ?? (host.includes(":") ? `[${host}]` : host);
  return `${secure ? "https" : "http"}://${name}:${port}`;
}

function secureServer(handle: Hub["handle"], certificate: Certificate): Http2SecureServer {
  try {
    return createSecureServer({ ...certificate, allowHTTP1: true }, handle);
  } catch (error) {
    throw new UsageError(`The files of --cert and --key do not do: ${(error as Error).message}.`);
  }
}

function plainCloser(server: Server): ListeningServer["close"] {
  return (timeout) =>
    new Promise((resolve) => {
      // Whoever is being answered is idle right after.
      server.keepAliveTimeout = 1;
      const cut = setTimeout(() => server.closeAllConnections(), timeout * 1000);
      server.close(() => {
        clearTimeout(cut);
        resolve();
      });
    });
}

/** Servers of HTTP/2 close neither sessions nor idle connections by themselves, so what is open is counted here. */
function secureCloser(server: Http2SecureServer): ListeningServer["close"] {
  const sockets = new Set<Socket>();
  const busy = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  let closing = false;
  // Each serves for all: closures for every socket and answer would take memory as long as streams are open.
  function gone(this: Socket): void {
    sockets.delete(this);
  }
  function answered(this: ServerResponse): void {
    const { socket } = this.req;
    busy.delete(socket);
    if (closing) socket.destroySoon();
  }
  // Beneath each there is another socket, which is all there is of a client that never shakes hands.
  for (const event of ["connection", "secureConnection"]) {
    server.on(event, (socket: Socket) => {
      sockets.add(socket);
      socket.on("close", gone);
    });
  }
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  server.on("request", ({ httpVersionMajor, socket }: IncomingMessage, res: ServerResponse) => {
    if (httpVersionMajor !== 1) return;
    busy.add(socket);
    res.on("close", answered);
  });
  const isIdle = (socket: Socket) => !busy.has(socket) && socket instanceof TLSSocket && socket.alpnProtocol !== "h2";

  return (timeout) =>
    new Promise((resolve) => {
      closing = true;
      const cut = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, timeout * 1000);
      server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      for (const session of sessions) session.close();
      for (const socket of sockets) if (isIdle(socket)) socket.destroySoon();
    });
}

function cannotListen(error: NodeJS.ErrnoException, { host, port }: Address): Failure {
  const reasons: Record<string, string> = {
    EADDRINUSE: "another program listens there; choose another port",
    EACCES: "this user may not; ports below 1024 are often reserved",
    EADDRNOTAVAIL: "this machine has no such address",
    ENOTFOUND: "no such host is known",
  };
  const reason = reasons[error.code ?? ""] ?? error.message;
  return new Failure(`Cannot listen on ${host}, port ${port}: ${reason}.`, { cause: error });
}
