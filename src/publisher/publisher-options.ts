import type { ProtocolVersion } from "../protocol/protocol-version.js";
import type { HubPort } from "./hub/hub-port.js";
import type { Presence } from "./presence/presence.js";
import type { Models } from "./publish/models.js";
import type { Variants } from "./publish/variants.js";
import type { Authorizer } from "./streams/authorizer.js";
import type { RenderContexts } from "./streams/render-context.js";
import type { StreamLimits } from "./streams/stream-limits.js";
import type { Tokens } from "./streams/tokens.js";
import type { UnboundStreams } from "./streams/unbound-streams.js";

/** The place of the tokens of private streams: the URLs in the markup, or cookies that scripts cannot read. */
export type TokenMode = "url" | "cookie";

/** Renders the component of a model object. */
export interface ModelRenderer {
  has(component: string): boolean;
  render(component: string, props: object): unknown;
}

export interface PublisherOptions {
  readonly hub: HubPort;
  /** The generation of Mercure that streams and tokens speak. */
  readonly protocol: ProtocolVersion;
  readonly tokens: Tokens;
  /** The place of the tokens of streams: their URLs, or cookies. */
  readonly tokenMode: TokenMode;
  readonly permissions: Authorizer;
  /**
   * Returns the path where streams renew their tokens, for a base path. Undefined if the pages themselves renew the
   * tokens.
   */
  readonly renewalPath: ((basePath: string) => string) | undefined;
  /** The presence of this process. Undefined with a hub in another process. */
  readonly presence?: Presence | undefined;
  readonly variants: Variants;
  readonly streamLimits: StreamLimits;
  readonly models: Models;
  readonly pages: RenderContexts;
  readonly unbound: UnboundStreams;
  readonly renderer: ModelRenderer;
  /** Returns the application's base path as browsers see it, for use outside of requests. */
  basePath(): string;
  /** Whether the hub accepts subscribers without a token. */
  readonly allowAnonymous: boolean;
  readonly typeIsTopic: boolean;
  /** Returns the payload of a token for these topics. Other subscribers can read it. */
  readonly payloadOf?: ((topics: readonly string[]) => unknown) | undefined;
  /** Returns the subject of the tokens that the current request creates. */
  readonly subjectOf?: (() => string | undefined) | undefined;
  /** Receives errors that have no caller. */
  onError(message: string, error: unknown): void;
}
