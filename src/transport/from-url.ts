import { MercureError } from "../shared/errors.js";
import type { Logger } from "../shared/logger.js";
import type { HistoryOptions } from "./history/history-options.js";
import { LmdbTransport } from "./lmdb/lmdb.js";
import { MemoryTransport } from "./memory/memory.js";
import { PostgresTransport } from "./postgres/postgres.js";
import { isRedisUrl, parseRedisUrl } from "./redis/address.js";
import { RedisTransport } from "./redis/redis.js";
import type { Transport } from "./transport.js";

/** A transport, and the URLs that name it. */
interface KnownTransport {
  readonly isNamedBy: (url: string) => boolean;
  readonly create: (url: string, history: HistoryOptions, logger: Logger) => Transport;
}

const knownTransports: readonly KnownTransport[] = [
  { isNamedBy: (url) => url === "memory", create: (_, history) => new MemoryTransport(history) },
  {
    isNamedBy: (url) => /^lmdb:./s.test(url),
    create: (url, history) => new LmdbTransport({ ...history, path: url.replace(/^lmdb:(?:\/\/(?=\/))?/, "") }),
  },
  {
    isNamedBy: isRedisUrl,
    create: (url, history, logger) => {
      parseRedisUrl(url, "transport");
      return new RedisTransport({ ...history, url, logger });
    },
  },
  {
    isNamedBy: (url) => /^postgres(?:ql)?:/.test(url),
    create: (url, history, logger) => new PostgresTransport({ ...history, url, logger }),
  },
];

/**
 * Creates the transport that a URL names: `memory`, `lmdb:` and a folder, such as `lmdb:./history`, or the URL of Redis or
 * PostgreSQL.
 *
 * @throws MercureError `ERR_OPTION` for an unknown URL, `ERR_PACKAGE` if the transport's package is not installed.
 */
export function transportFromUrl(url: string, history: HistoryOptions, logger: Logger): Transport {
  const known = knownTransports.find(({ isNamedBy }) => isNamedBy(url));
  if (known === undefined) {
    // The URL of a server can hold a password.
    const shown = JSON.stringify(/[@?]/.test(url) ? url.replace(/:.*/s, ":…") : url);
    throw new MercureError(
      "ERR_OPTION",
      `The transport ${shown} is unknown. Use memory, lmdb: and a folder, such as lmdb:./history, redis://host:6379 or postgres://host/database.`,
    );
  }
  return known.create(url, history, logger);
}
