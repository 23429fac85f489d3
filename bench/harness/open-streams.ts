import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** Opens streams at a hub, 200 at a time and 100 of a topic, and reads them. */
export async function openStreams(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const first = sockets.length;
    const rest = Array.from({ length: Math.min(200, count - first) }, (_, i) => openStream(port, first + i));
    sockets.push(...(await Promise.all(rest)));
  }
  return sockets;
}

async function openStream(port: number, index: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1").on("error", () => {});
  socket.write(`GET /.well-known/mercure?topic=rooms/${Math.floor(index / 100)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await once(socket, "data");
  return socket.resume();
}
