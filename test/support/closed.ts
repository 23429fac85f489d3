import type { Socket } from "node:net";

/** Resolves when a socket has closed, after an error too: a write can fail before the end of the peer arrives. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once("close", () => resolve()));
}
