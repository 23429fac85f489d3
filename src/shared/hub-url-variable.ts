import type { OptionReader } from "./option-reader.js";

/**
 * Returns the hub's URL from the environment of a command. An application can share this environment, so the word true
 * also counts: it selects the first trusted host.
 */
export function hubUrlInEnvironment(read: OptionReader, name: string, hubPath: string): string | undefined {
  const url = read.urlOrTrue(name, "MERCURE_HUB_URL");
  if (url !== true) return url;
  const [host] = read.hosts("trusted-hosts", "MERCURE_TRUSTED_HOSTS") ?? [];
  return host === undefined ? undefined : host + hubPath;
}
