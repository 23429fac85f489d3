import { pathBelow } from "../publisher/path-below.js";
import type { Configuration } from "./configuration.js";
import { sharedPath } from "./shared-streams.js";

/** Paths of the library as browsers see them, for a base path of the application. */
export interface PublicPaths {
  /** Returns the hub's path. */
  hub(basePath: string): string;
  /** Returns the URL of connections that several streams share. */
  shared(basePath: string): string;
  /** Returns the path that renews the tokens of streams. */
  renewal(basePath: string): string;
  /** The origins of the hub's public URL. Empty if it is a path. */
  readonly origins: readonly string[];
}

/**
 * Derives the public paths. A proxy that moves the hub also moves the paths below it. Browsers use an absolute URL of
 * the hub unchanged, so the path where the application is mounted changes nothing there.
 */
export function publicPathsOf({ publicHubUrl, publicHubPath, renewalPath, hubUrl, hub }: Configuration): PublicPaths {
  const isBelow = hubUrl === undefined && renewalPath.startsWith(`${hub.path}/`);
  const absolute = URL.canParse(publicHubUrl) ? new URL(publicHubUrl) : undefined;
  const hubSeen = absolute?.pathname ?? publicHubPath;
  const renewalSeen = isBelow ? hubSeen + renewalPath.slice(hub.path.length) : renewalPath;
  const hubOf = (basePath: string) => (absolute ? hubSeen : pathBelow(basePath, hubSeen, hub.path));
  return {
    hub: hubOf,
    shared: (basePath) => (absolute?.origin ?? "") + hubOf(basePath) + sharedPath,
    renewal: (basePath) => (absolute && isBelow ? renewalSeen : pathBelow(basePath, renewalSeen, renewalPath)),
    origins: absolute ? [absolute.origin] : [],
  };
}
