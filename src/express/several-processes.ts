import cluster from "node:cluster";
import type { Logger } from "../shared/logger.js";

/**
 * Warns where a hub with a history of its own runs in each of several processes: subscribers of one process miss what the
 * others publish, and no error shows it. Of all processes the first alone warns.
 */
export function warnOfSeveralProcesses(logger: Logger): void {
  if (!isFirstOfSeveral(process.env)) return;
  logger.warn(
    "htmx-mercure: this application runs in several processes (node:cluster or pm2), and each has a hub of its own. Pages " +
      "miss what is published in another process. Run one process, or one hub for all: start `npx htmx-mercure hub` and " +
      "set hubUrl (MERCURE_HUB_URL) to its URL.",
  );
}

/** In pm2 the ids of workers count those of all applications, so that its own variables tell more. */
function isFirstOfSeveral({ NODE_APP_INSTANCE: instance, pm_id: id, instances }: NodeJS.ProcessEnv): boolean {
  if (instance === undefined && id === undefined) return cluster.worker?.id === 1;
  const isAlone = instances === undefined ? !cluster.isWorker : instances === "1";
  return !isAlone && Number(instance ?? 0) === 0;
}
