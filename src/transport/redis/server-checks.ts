import type { RedisConnection } from "./connection.js";

/** The meaning of an acknowledgement. */
export type RedisDurability = "memory" | "replica" | "disk";

/**
 * Checks that a server is able to keep its promises.
 *
 * @returns whether each write is on the server's disk before its answer.
 * @throws Error with the reason and the remedy.
 */
export async function checkServer(connection: RedisConnection, durability: RedisDurability): Promise<boolean> {
  const info = new Map(
    String(await connection.send("INFO"))
      .split("\r\n")
      .map((line) => line.split(":", 2) as [string, string]),
  );
  if (info.get("role") !== "master") throw new Error("the server is a replica; the URL must lead to the master");
  const policy = info.get("maxmemory_policy") ?? "";
  if (Number(info.get("maxmemory")) > 0 && policy.startsWith("allkeys")) {
    const remedy = "Set maxmemory-policy to noeviction, or to a policy that begins with volatile";
    throw new Error(`the server deletes keys when its memory is full (maxmemory-policy ${policy}). ${remedy}`);
  }
  if (durability !== "disk") return false;
  if (info.get("aof_enabled") !== "1") {
    throw new Error("the server does not write to its disk, and the durability is disk. Set appendonly to yes");
  }
  if (await syncsAlways(connection)) return true;
  // Before Redis 8, and in Valkey, which calls itself Redis 7.2, WAITAOF can confirm writes that are not on the disk
  // yet.
  if (Number.parseInt(info.get("redis_version")!, 10) >= 8) return false;
  const valkey = info.get("valkey_version");
  const server = valkey === undefined ? `Redis ${info.get("redis_version")}` : `Valkey ${valkey}`;
  const remedy = "Set appendfsync to always, or use Redis 8";
  throw new Error(`${server} does not say when an update is on its disk, and the durability is disk. ${remedy}`);
}

/** Resolves to whether the server syncs each write. Managed servers can refuse to tell their configuration. */
async function syncsAlways(connection: RedisConnection): Promise<boolean> {
  try {
    const [, value] = (await connection.send("CONFIG", "GET", "appendfsync")) as string[];
    return value === "always";
  } catch {
    return false;
  }
}
