import { impossible, OptionReader } from "../option-reader.js";
import type { Logger } from "../options.js";
import { defaultHubPath } from "../protocol/draft.js";
import type { MatcherLimits, Protocol } from "../protocol/subscription-parameters.js";
import type { Transport } from "../transport/transport.js";

export interface HubOptions {
  /** Holds the updates. Whoever made it closes it, after the hub. */
  readonly transport: Transport;
  /** The path of the hub's URL. Default `/.well-known/mercure`. */
  readonly path?: string | undefined;
  /** Which generations of Mercure the hub speaks with subscribers: `0`, `1` or `"both"`. Default `"both"`. */
  readonly protocol?: Protocol | undefined;
  /**
   * The hub's URL as clients see it, absolute or a path. Relative URL patterns and relative topics of Mercure 1.0 are
   * resolved against it. Default `path`: then patterns that name a host do not match relative topics.
   */
  readonly resource?: string | undefined;
  /** How many topics one request may subscribe to, patterns included. Default 200. */
  readonly matchersLimit?: number | undefined;
  /** How long each of them may be, in UTF-16 units. Default 2048. */
  readonly matcherLength?: number | undefined;
  /** The key of subscribers' tokens, for HS256. Default none: whoever presents a token is refused. */
  readonly subscriberKey?: string | undefined;
  /** The key of publishers' tokens, for HS256. Needed with `allowPublish`. */
  readonly publisherKey?: string | undefined;
  /** The cookie in which browsers present their token. Default `mercureAuthorization`. */
  readonly cookieName?: string | undefined;
  /** Whether subscribers without a token may connect; they receive public updates only. Default true. */
  readonly allowAnonymous?: boolean | undefined;
  /** Whether updates may be published over HTTP. Default false. */
  readonly allowPublish?: boolean | undefined;
  /** How large the body of a request to publish may be, in bytes. Default 1 MiB. */
  readonly publishLimit?: number | undefined;
  /** Seconds between the comments that keep idle connections open. Default 15; 0 sends none. */
  readonly keepaliveInterval?: number | undefined;
  /** Where the hub reports failures of its own, which clients never see. Default `console`. */
  readonly logger?: Logger | undefined;
}

/** The options with every default filled in. */
export interface HubSettings {
  readonly transport: Transport;
  readonly path: string;
  readonly protocol: Protocol;
  /** Absolute, if need be at a host that does not exist. */
  readonly hubUrl: string;
  readonly matcherLimits: MatcherLimits;
  readonly subscriberKey: string | undefined;
  readonly publisherKey: string | undefined;
  readonly cookieName: string;
  readonly allowAnonymous: boolean;
  readonly allowPublish: boolean;
  readonly publishLimit: number;
  readonly keepaliveInterval: number;
  readonly logger: Logger;
}

/** The longest time that a timer of Node takes, in whole seconds. */
const longestTimer = Math.floor((2 ** 31 - 1) / 1000);

export function resolveHubOptions(options: HubOptions): HubSettings {
  const read = new OptionReader(options, "", {});
  const transport = read.object("transport") as Transport | undefined;
  const path = read.path("path") ?? defaultHubPath;
  const settings = {
    path,
    protocol: read.oneOf("protocol", [0, 1, "both"]) ?? "both",
    hubUrl: new URL(read.url("resource") ?? path, "https://hub.invalid").href,
    matcherLimits: {
      count: read.number("matchersLimit", { least: 1, whole: true }) ?? 200,
      length: read.number("matcherLength", { least: 1, whole: true }) ?? 2048,
    },
    subscriberKey: read.string("subscriberKey"),
    publisherKey: read.string("publisherKey"),
    cookieName: read.string("cookieName") ?? "mercureAuthorization",
    allowAnonymous: read.boolean("allowAnonymous") ?? true,
    allowPublish: read.boolean("allowPublish") ?? false,
    publishLimit: read.number("publishLimit", { least: 1, whole: true }) ?? 1024 * 1024,
    keepaliveInterval: read.number("keepaliveInterval", { least: 0, most: longestTimer }) ?? 15,
    logger: read.logger("logger") ?? console,
  };
  read.refuseUnknown();
  if (transport === undefined) throw impossible("transport", "is missing; new MemoryTransport() is one");
  if (settings.allowPublish && settings.publisherKey === undefined) {
    throw impossible("publisherKey", "is missing; without it nobody could publish, although allowPublish is set");
  }
  if (!settings.allowAnonymous && settings.subscriberKey === undefined) {
    throw impossible("subscriberKey", "is missing; without it nobody could subscribe, since allowAnonymous is off");
  }
  return { transport, ...settings };
}
