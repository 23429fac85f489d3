import type { Peer } from "./peer.js";

/**
 * A row whose question starts the processes itself.
 *
 * @param missing - The reason why it cannot run here; false if it can.
 */
export function peerWithoutServer(name: string, what: string, missing: string | false = false): Peer {
  const start = () => Promise.reject(new Error(`The question starts the processes of ${name} itself.`));
  return { name, what, start, missing: () => missing || undefined };
}
