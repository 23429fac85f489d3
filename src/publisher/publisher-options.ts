import type { Hub } from "../hub/hub.js";
import type { Generation } from "../protocol/protocol-version.js";
import type { Presence } from "./presence/presence.js";
import type { Models } from "./publish/models.js";
import type { Variants } from "./publish/variants.js";
import type { ExternalHub } from "./remote/remote-hub.js";
import type { Permissions } from "./streams/authorizer.js";
import type { Pages } from "./streams/render-context.js";
import type { StreamLimits } from "./streams/stream-limits.js";
import type { Tokens } from "./streams/tokens.js";
import type { UnboundStreams } from "./streams/unbound-streams.js";

/** Where the tokens of private streams are: in the URLs of their markup, or in cookies, out of reach of any script. */
export type TokenMode = "url" | "cookie";

/** Renders a model object's component. */
export interface ModelRenderer {
  has(component: string): boolean;
  render(component: string, props: object): unknown;
}

export interface PublisherOptions {
  /** The hub in this process, or the one that takes its place. */
  readonly hub: Hub | ExternalHub;
  /** The generation of Mercure that streams and tokens speak. */
  readonly protocol: Generation;
  readonly tokens: Tokens;
  /** Where the tokens of streams are: in their URLs, or in cookies. */
  readonly tokenMode: TokenMode;
  readonly permissions: Permissions;
  /** The path below a base path at which streams get new tokens; undefined where their pages do that. */
  readonly renewalPath: ((basePath: string) => string) | undefined;
  /** Who is there; undefined where nobody in this process knows. */
  readonly presence?: Presence | undefined;
  readonly variants: Variants;
  readonly streamLimits: StreamLimits;
  readonly models: Models;
  readonly pages: Pages;
  readonly unbound: UnboundStreams;
  readonly renderer: ModelRenderer;
  /** The path below which browsers find the application, where no request shows it. */
  basePath(): string;
  /** The path of the hub within the application, or its public URL. */
  readonly publicHubUrl: string;
  /** Whether the hub takes subscribers without a token. */
  readonly allowAnonymous: boolean;
  readonly typeIsTopic: boolean;
  /** What a token for these topics says of its bearer to other subscribers. */
  readonly payloadOf?: ((topics: readonly string[]) => unknown) | undefined;
  /** Whose the request that is under way is: the subject of the tokens that are made for it. */
  readonly subjectOf?: (() => string | undefined) | undefined;
  /** Told of what goes wrong where no caller can be. */
  onError(message: string, error: unknown): void;
}
