import type { Logger } from "../shared/logger.js";
import { isFirstOfSeveral } from "../shared/several-processes.js";
import type { Transport } from "../transport/transport.js";

let hasWarned = false;

/**
 * Warns if each of several processes runs a hub with its own history. Subscribers of one process then miss the updates
 * of the others, without any error. Only the first process warns, once. A transport that processes can share needs no
 * warning.
 */
export function warnOfSeveralProcesses(transport: Transport, logger: Logger): void {
  if (hasWarned || transport.nodes.areShared || !isFirstOfSeveral(process.env)) return;
  hasWarned = true;
  logger.warn(
    "htmx-mercure: this application runs in several processes (node:cluster or pm2), each with its own hub. Pages " +
      "miss updates of the other processes. Run one process, set transport (MERCURE_TRANSPORT_URL), such as to " +
      "lmdb:./history, or start `npx htmx-mercure hub` and set hubUrl (MERCURE_HUB_URL) to its URL.",
  );
}
