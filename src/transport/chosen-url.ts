import type { Logger } from "../shared/logger.js";
import { invalidOption } from "../shared/option-reader.js";
import { isOneOfSeveral } from "../shared/several-processes.js";
import { hasPeer } from "./peer.js";
import { isRedisUrl, parseRedisUrl } from "./redis/address.js";

/** The environment variable of the transport's URL. */
export const transportVariable = "MERCURE_TRANSPORT_URL";

let hasHinted = false;

/**
 * Returns the URL of a hub's transport. `SSE_REDIS_URL` chooses Redis. `REDIS_URL` can serve other purposes, so it counts
 * only for several processes or for the URL `redis`. Otherwise one line says that it is ignored. Returns undefined if nothing chooses a
 * transport.
 *
 * @param given - The URL in the option or in `MERCURE_TRANSPORT_URL`.
 * @param isShared - Whether several processes have this hub.
 * @throws MercureError `ERR_OPTION`
 */
export function chosenUrl(
  given: string | undefined,
  environment: NodeJS.ProcessEnv,
  logger: Logger,
  isShared = isOneOfSeveral(environment),
): string | undefined {
  const { SSE_REDIS_URL: own, REDIS_URL: general } = environment;
  const isAsked = given === "redis" || given === "valkey";
  if (given && !isAsked) return given;
  if (own) return redisUrl(own, "SSE_REDIS_URL");
  const isUsable = isShared && isRedisUrl(general ?? "") && hasPeer("@redis/client");
  if (general && (isAsked || isUsable)) return redisUrl(general, "REDIS_URL");
  if (isAsked) throw invalidOption("transport", `is ${given}, and neither SSE_REDIS_URL nor REDIS_URL is set`);
  if (general && !hasHinted) {
    hasHinted = true;
    const reason = isShared ? ": its use needs a URL of Redis and the package @redis/client" : "";
    logger.warn(
      `htmx-mercure: the hub ignores REDIS_URL${reason}. Set ${transportVariable} to redis to share the history by that ` +
        "server, or to memory to hide this hint.",
    );
  }
  return undefined;
}

function redisUrl(url: string, variable: string): string {
  parseRedisUrl(url, variable);
  return url;
}
