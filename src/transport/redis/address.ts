import { invalidOption } from "../../shared/option-reader.js";

/** The servers of a URL. */
export interface RedisAddress {
  readonly kind: "single" | "sentinel" | "cluster";
  /** The servers. For an address with sentinels, these are the sentinels. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly database: number;
  /** The name of the master that the sentinels watch. */
  readonly master: string;
}

const examples =
  "redis://localhost:6379, rediss://user:password@host:6380, redis+sentinel://host1:26379,host2:26379/mymaster or redis+cluster://host1:6379,host2:6379";

/** Whether the scheme of a URL is one of Redis or Valkey. */
export function isRedisUrl(url: string): boolean {
  return /^(?:redis|valkey)s?(?:\+\w+)?:/.test(url);
}

/**
 * Parses the URL of Redis or Valkey: `redis://`, `rediss://` with TLS, `redis+sentinel://`, `redis+cluster://`, and the
 * last two with TLS as `rediss+…`. `valkey` can stand for `redis`. Messages never quote the URL: it can hold a password.
 *
 * @param source - The name of the option or the variable, for messages.
 * @throws MercureError `ERR_OPTION`
 */
export function parseRedisUrl(url: string, source: string): RedisAddress {
  const wrongUrl = (why: string) => invalidOption(source, `${why}. Use a URL such as ${examples}`);
  const parts =
    /^(?:redis|valkey)(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@:/?]*)(?::([^@/?]*))?@)?([^@/?\s#]+)(?:\/([^/?]*))?(?:\/([^/?]*))?\/?(?:\?.*)?$/.exec(
      url,
    );
  if (parts === null) throw wrongUrl("is not a valid URL of Redis");
  const decode = (text: string) => {
    try {
      return decodeURIComponent(text);
    } catch {
      throw wrongUrl("has an invalid percent-escape");
    }
  };
  const [, tls, kind = "single", username = "", password = "", list = "", first = "", second = ""] = parts;
  const hosts = list.split(",").map((each) => {
    const [, host, port] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(each) ?? [];
    const number = Number(port ?? (kind === "sentinel" ? 26379 : 6379));
    if (host === undefined || number < 1 || number > 65535) throw wrongUrl("has an invalid host or port");
    return { host: host.replace(/^\[|\]$/g, ""), port: number };
  });
  if (kind === "single" && hosts.length > 1) throw wrongUrl("has several hosts, so it needs +sentinel or +cluster");
  if (kind === "sentinel" && first === "") throw wrongUrl("does not name the master that the sentinels watch");
  const database = kind === "sentinel" ? second : first;
  if (kind !== "sentinel" && second !== "") throw wrongUrl("has a path of several parts");
  if (!/^\d*$/.test(database)) throw wrongUrl("has an invalid number of a database");
  if (kind === "cluster" && Number(database) > 0) throw wrongUrl("names a database, and a cluster has only number 0");
  return {
    kind: kind as RedisAddress["kind"],
    hosts,
    tls: tls === "s",
    ...(username && { username: decode(username) }),
    ...(password && { password: decode(password) }),
    database: Number(database),
    master: decode(first),
  };
}

/** Returns the options in the query of a URL, such as `?prefix=chat&durability=replica&replicas=2`. */
export function optionsInUrl(url: string): Readonly<Record<string, string | number>> {
  const pairs = [...new URLSearchParams(/\?.*/s.exec(url)?.[0])];
  const isNumber = (name: string, value: string) =>
    /^(?:replicas|publishTimeout|nodeTimeout)$/.test(name) && /^\d+(?:\.\d+)?$/.test(value);
  return Object.fromEntries(pairs.map(([name, value]) => [name, isNumber(name, value) ? Number(value) : value]));
}
