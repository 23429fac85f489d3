import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import type { HubPort } from "../hub/hub-port.js";
import type { Presence } from "../presence/presence.js";
import { Subscriptions } from "../presence/subscriptions.js";
import type { TopicReader } from "../publish/topic-reader.js";
import type { Variants } from "../publish/variants.js";
import { EventTopics } from "./event-topics.js";
import type { RenderContexts } from "./render-context.js";
import type { StreamLimits } from "./stream-limits.js";
import { StreamUrls, type StreamUrlsOptions } from "./stream-urls.js";
import { TokenIssuer } from "./token-issuer.js";
import type { TokenMode } from "./token-mode.js";
import type { Tokens } from "./tokens.js";
import type { UnboundStreams } from "./unbound-streams.js";
import type { Viewer } from "./viewer.js";

/** The parts that templates and code use for streams. */
export interface StreamParts {
  readonly topics: TopicReader;
  readonly events: EventTopics;
  readonly urls: StreamUrls;
  readonly subscriptions: Subscriptions;
}

export interface StreamPartsOptions
  extends Pick<StreamUrlsOptions, "allowAnonymous" | "basePath" | "renewalPath" | "viewerMark"> {
  readonly hub: HubPort;
  readonly protocol: ProtocolVersion;
  readonly topics: TopicReader;
  readonly viewer: Viewer;
  readonly tokens: Tokens;
  readonly tokenMode: TokenMode;
  readonly variants: Variants;
  readonly streamLimits: StreamLimits;
  readonly pages: RenderContexts;
  readonly unbound: UnboundStreams;
  /** The presence of this process. Undefined with a hub in another process. */
  readonly presence: Presence | undefined;
}

/** Combines the parts. */
export function createStreamParts(options: StreamPartsOptions): StreamParts {
  const events = new EventTopics(options);
  const issuer = new TokenIssuer(options);
  const urls = new StreamUrls({ ...options, events, issuer });
  return { topics: options.topics, events, urls, subscriptions: new Subscriptions(options) };
}
