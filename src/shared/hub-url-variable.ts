import type { OptionReader } from "./option-reader.js";

/**
 * The hub in the environment of a command, which an application may share: its URL; with the word true, the first
 * trusted host.
 */
export function hubUrlInEnvironment(read: OptionReader, name: string, hubPath: string): string | undefined {
  const url = read.urlOrTrue(name, "MERCURE_HUB_URL");
  if (url !== true) return url;
  const [host] = read.hosts("trusted-hosts", "MERCURE_TRUSTED_HOSTS") ?? [];
  return host === undefined ? undefined : host + hubPath;
}
