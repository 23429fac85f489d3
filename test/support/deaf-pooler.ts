import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";

/** The first byte of the message NotificationResponse. */
const notification = "A".charCodeAt(0);

/** A proxy before PostgreSQL that can drop notifications, as poolers do, without an error at LISTEN. */
export async function deafPooler(t: TestContext, url: string) {
  const pooler = { url: "", isDeaf: true, dropped: 0 };
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const database = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => other.destroy());
    }
    client.pipe(database);
    let rest = Buffer.alloc(0);
    database.on("data", (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 5 && rest.length > rest.readUInt32BE(1)) {
        const end = 1 + rest.readUInt32BE(1);
        if (pooler.isDeaf && rest[0] === notification) pooler.dropped++;
        else client.write(rest.subarray(0, end));
        rest = rest.subarray(end);
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const own = new URL(url);
  own.port = String((server.address() as AddressInfo).port);
  pooler.url = own.href;
  return pooler;
}
