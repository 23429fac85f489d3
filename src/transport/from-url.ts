import { MercureError } from "../shared/errors.js";
import type { Logger } from "../shared/logger.js";
import type { HistoryOptions } from "./history/history-options.js";
import { LmdbTransport } from "./lmdb/lmdb.js";
import { MemoryTransport } from "./memory/memory.js";
import { PostgresTransport } from "./postgres/postgres.js";
import { isRedisUrl, parseRedisUrl } from "./redis/address.js";
import { RedisTransport } from "./redis/redis.js";
import type { Transport } from "./transport.js";

/** The transports by the scheme of their URL. */
const schemes: Readonly<Record<string, (rest: string, history: HistoryOptions) => Transport>> = {
  memory: (_, history) => new MemoryTransport(history),
  lmdb: (path, history) => new LmdbTransport({ ...history, path: path.replace(/^\/\/(?=\/)/, "") }),
};

/**
 * Creates the transport that a URL names: `memory`, `lmdb:` and a folder, such as `lmdb:./history`, or the URL of Redis or
 * PostgreSQL.
 *
 * @throws MercureError `ERR_OPTION` for an unknown URL, `ERR_PACKAGE` if the transport's package is not installed.
 */
export function transportFromUrl(url: string, history: HistoryOptions, logger: Logger): Transport {
  if (/^postgres(?:ql)?:/.test(url)) return new PostgresTransport({ ...history, url, logger });
  if (isRedisUrl(url)) {
    parseRedisUrl(url, "transport");
    return new RedisTransport({ ...history, url, logger });
  }
  const [, scheme = "", rest = ""] = /^([a-z+]+)(?::(.+))?$/s.exec(url) ?? [];
  const create = Object.hasOwn(schemes, scheme) ? schemes[scheme] : undefined;
  if (create === undefined || (scheme === "memory") !== (rest === "")) {
    // The URL of a server can hold a password.
    const shown = JSON.stringify(/[@?]/.test(url) ? url.replace(/:.*/s, ":…") : url);
    throw new MercureError(
      "ERR_OPTION",
      `The transport ${shown} is unknown. Use memory, lmdb: and a folder, such as lmdb:./history, redis://host:6379 or postgres://host/database.`,
    );
  }
  return create(rest, history);
}
