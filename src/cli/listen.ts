import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { TLSSocket, Server as TlsServer } from "node:tls";
import type { Hub } from "../hub/index.js";
import type { Certificate } from "./certificate.js";
import { CommandError, UsageError } from "./errors.js";

/**
 * The max number of connections that wait until the server accepts them. When many clients return at once, Linux resets
 * those beyond it after seconds. Linux lowers the number to `net.core.somaxconn`, 4096 by default. Node's default is 511.
 */
const backlog = 4096;

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly certificate?: Certificate | undefined;
}

export interface ListeningServer {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /**
   * Stops accepting connections, and resolves when all connections have ended.
   *
   * @param timeout - Seconds until the connections that are still open are cut.
   */
  close(timeout: number): Promise<void>;
}

/**
 * Starts a server: HTTP/1.1, or with a certificate HTTP/2 and HTTP/1.1 over TLS.
 *
 * @throws CommandError when it cannot listen.
 * @throws UsageError when the certificate or its key is invalid.
 */
export async function listen(handle: Hub["handle"], address: Address): Promise<ListeningServer> {
  const { host, port, certificate } = address;
  const server = certificate === undefined ? createServer(handle) : secureServer(handle, certificate);
  const close = server instanceof TlsServer ? secureCloser(server) : plainCloser(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(cannotListen(error, address)));
    server.listen({ host, port, backlog }, resolve);
  });
  return { host, port: (server.address() as AddressInfo).port, secure: certificate !== undefined, close };
}

/**
 * Returns the origin that reaches a server from its own machine. A server that listens on all addresses gets the
 * default origin, because the Mercure 1.0 tokens that commands sign name it.
 */
export function originOf({ host, port, secure }: Pick<ListeningServer, "host" | "port" | "secure">): string {
  const name = { "0.0.0.0": "127.0.0.1", "::": "127.0.0.1" }[host] ?? (host.includes(":") ? `[${host}]` : host);
  return `${secure ? "https" : "http"}://${name}:${port}`;
}

function secureServer(handle: Hub["handle"], certificate: Certificate): Http2SecureServer {
  try {
    return createSecureServer({ ...certificate, allowHTTP1: true }, handle);
  } catch (error) {
    throw new UsageError(`Cannot load the certificate and key given by --cert and --key: ${(error as Error).message}.`);
  }
}

function plainCloser(server: Server): ListeningServer["close"] {
  return (timeout) =>
    new Promise((resolve) => {
      // A connection that is being answered becomes idle right after, and this timeout then closes it.
      server.keepAliveTimeout = 1;
      const cut = setTimeout(() => server.closeAllConnections(), timeout * 1000);
      server.close(() => {
        clearTimeout(cut);
        resolve();
      });
    });
}

/** Tracks open sockets and sessions, because an HTTP/2 server closes neither sessions nor idle connections itself. */
function secureCloser(server: Http2SecureServer): ListeningServer["close"] {
  const sockets = new Set<Socket>();
  const busy = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  let closing = false;
  // All sockets and answers share these functions. A closure for each would hold memory as long as its stream is open.
  function gone(this: Socket): void {
    sockets.delete(this);
  }
  function answered(this: ServerResponse): void {
    const { socket } = this.req;
    busy.delete(socket);
    if (closing) socket.destroySoon();
  }
  // Each TLS socket wraps a TCP socket. A client that never shakes hands has only the TCP socket.
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

function cannotListen(error: NodeJS.ErrnoException, { host, port }: Address): CommandError {
  const reasons: Record<string, string> = {
    EADDRINUSE: "another program uses this port; choose another one",
    EACCES: "permission denied; ports below 1024 are often reserved",
    EADDRNOTAVAIL: "this machine has no such address",
    ENOTFOUND: "the host name is unknown",
  };
  const reason = reasons[error.code ?? ""] ?? error.message;
  return new CommandError(`Cannot listen on ${host}, port ${port}: ${reason}.`, { cause: error });
}
