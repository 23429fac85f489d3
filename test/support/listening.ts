import type { Server } from "node:http";
import { type ClientHttp2Session, connect, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";

interface Test {
  after(work: () => unknown): void;
}

/**
 * The max time of an idle connection, in milliseconds: longer than a pause of a busy machine. After Node's 5 s, a server
 * can close a connection while a client begins its next request.
 */
const keepAliveTimeout = 120_000;

/** Starts a server on a port that the system chooses. Returns its origin. The end of the test ends all its connections. */
export async function listening(t: Test, server: Server | Http2Server): Promise<string> {
  if ("keepAliveTimeout" in server) server.keepAliveTimeout = keepAliveTimeout;
  t.after(() => {
    server.close();
    if ("closeAllConnections" in server) server.closeAllConnections();
  });
  return originOf(server);
}

/** Starts a server of HTTP/2 in the same way. Returns a session of a client. */
export async function http2Session(t: Test, server: Http2Server): Promise<ClientHttp2Session> {
  const session = connect(await originOf(server));
  t.after(() => {
    session.destroy();
    server.close();
  });
  return session;
}

async function originOf(server: Server | Http2Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
