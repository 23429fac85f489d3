import { connect, type Socket } from "node:net";

/** The number of addresses of this machine that the clients have. */
const addresses = 100;

/** The number of streams in a batch. */
const parallel = 16;

/** A kind of request that takes much memory. */
export interface WorstKind {
  readonly headers?: string;
  /** Returns the topics of a stream. They differ for each stream. */
  topics(stream: number): readonly string[];
}

export interface WorstReport {
  readonly open: number;
  readonly refused: number;
  close(): void;
}

/**
 * Requests streams by QUERY, one kind after the other. A kind ends after as many consecutive refusals as there are
 * addresses, or when enough streams are open.
 */
export async function openWorst(
  port: number,
  path: string,
  kinds: readonly WorstKind[],
  enough: number,
): Promise<WorstReport> {
  const sockets = new Set<Socket>();
  let asked = 0;
  let refused = 0;
  for (const kind of kinds) {
    let inARow = 0;
    const openSome = async () => {
      while (sockets.size < enough && inARow < addresses) {
        const stream = asked++;
        const body = kind
          .topics(stream)
          .map((topic) => `topic=${encodeURIComponent(topic)}`)
          .join("&");
        const socket = await ask(port, path, `127.0.1.${1 + (stream % addresses)}`, kind.headers ?? "", body);
        if (socket === undefined) {
          refused++;
          inARow++;
        } else {
          sockets.add(socket);
          inARow = 0;
        }
      }
    };
    await Promise.all(Array.from({ length: parallel }, openSome));
  }
  return {
    open: sockets.size,
    refused,
    close: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Resolves to the open stream, or to undefined if it was refused. */
function ask(
  port: number,
  path: string,
  localAddress: string,
  headers: string,
  body: string,
): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, localAddress });
    socket.write(
      `QUERY ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}Content-Type: application/x-www-form-urlencoded\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    socket.once("error", reject);
    socket.once("close", () => resolve(undefined));
    socket.once("data", (head) => {
      if (head.toString("latin1").startsWith("HTTP/1.1 200")) {
        resolve(socket);
        return;
      }
      socket.destroy();
    });
  });
}
