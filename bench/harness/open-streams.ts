import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** Opens streams at a hub, 200 at a time and 100 of a topic, and reads them. */
export async function openStreams(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const first = sockets.length;
    const topicOf = (index: number) => `rooms/${Math.floor(index / 100)}`;
    const length = Math.min(200, count - first);
    const rest = Array.from({ length }, (_, i) => openStream(port, topicOf(first + i)));
    sockets.push(...(await Promise.all(rest)));
  }
  return sockets;
}

/**
 * Opens a stream. Resolves when it is open.
 *
 * @param header - A further header of the request.
 */
export async function openStream(port: number, topic: string, header = "Accept: text/event-stream"): Promise<Socket> {
  const socket = connect(port, "127.0.0.1").on("error", () => {});
  socket.write(`GET /.well-known/mercure?topic=${topic} HTTP/1.1\r\nHost: localhost\r\n${header}\r\n\r\n`);
  await once(socket, "data");
  return socket.resume();
}
