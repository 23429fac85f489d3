import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import type { Certificate } from "./peer.js";

/** Makes a certificate for this run; `remove` deletes it. */
export function makeCertificate(): Certificate & { readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "bench-tls-"));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...kind, "-subj", "/CN=localhost", "-keyout", key, "-out", cert], {
    stdio: "ignore",
  });
  return { cert, key, remove: () => rmSync(folder, { recursive: true }) };
}

/**
 * Opens streams over TLS and HTTP/1.1 in batches, and resolves with a function that closes them.
 *
 * @throws Error if one is refused or closed.
 */
export async function openTlsStreams(port: number, path: string, count: number): Promise<() => void> {
  const sockets: TLSSocket[] = [];
  const close = () => {
    for (const socket of sockets) socket.destroy();
  };
  let left = count;
  const openSome = async () => {
    while (left-- > 0) sockets.push(await openTlsStream(port, path));
  };
  try {
    await Promise.all(Array.from({ length: 32 }, openSome));
  } catch (error) {
    close();
    throw error;
  }
  return close;
}

function openTlsStream(port: number, path: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n\r\n`);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("A stream over TLS was closed before it was answered.")));
    socket.once("data", (head: Buffer) => {
      if (head.toString("latin1").startsWith("HTTP/1.1 200")) resolve(socket);
      else reject(new Error(`A stream over TLS was refused: ${head.toString("latin1").slice(0, 200)}`));
    });
  });
}
