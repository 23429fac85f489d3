import type { Selector } from "../../protocol/active-subscription.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import { MercureError } from "../../shared/errors.js";
import { assertKnownOptions } from "../../shared/known-options.js";
import type { TopicReader } from "../publish/topic-reader.js";
import type { Topics } from "../publish/topics.js";
import type { Variants } from "../publish/variants.js";
import { checkGranted, type StreamLimits } from "./stream-limits.js";
import type { TokenBearer, Tokens } from "./tokens.js";
import type { UnboundStreams } from "./unbound-streams.js";
import { noteWithoutVariant } from "./variant-selectors.js";

/** Options of `createSubscriberJwt` and `createPublisherJwt`. */
export interface JwtOptions {
  /**
   * Data about the bearer that other subscribers can read. Must be an object in Mercure 1.0. Default: none.
   * {@link https://mercure.rocks/spec#payload | Mercure "Payload"}.
   */
  payload?: unknown;
  /**
   * The bearer's id, for `sse.disconnect({ subject })`. Default: none.
   * {@link https://www.rfc-editor.org/rfc/rfc7519#section-4.1.2 | RFC 7519, section 4.1.2}.
   */
  subject?: string | undefined;
  /**
   * The lifetime of the token, in seconds. Must be greater than 0. Default: the option `tokenLifetime`.
   * {@link https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4 | RFC 7519, section 4.1.4}.
   */
  expiresIn?: number | undefined;
}

const jwtOptions: readonly string[] = ["payload", "subject", "expiresIn"] satisfies (keyof JwtOptions)[];

export interface HandmadeTokensOptions {
  readonly topics: TopicReader;
  readonly protocol: ProtocolVersion;
  readonly streamLimits: StreamLimits;
  readonly tokens: Tokens;
  readonly unbound: UnboundStreams;
  readonly variants: Variants;
}

/** Creates tokens for any bearer. The option `authorize` is not called. */
export class HandmadeTokens {
  readonly #options: HandmadeTokensOptions;

  constructor(options: HandmadeTokensOptions) {
    this.#options = options;
  }

  createSubscriberJwt(topics: Topics, options: JwtOptions = {}): string {
    assertKnownOptions(options, jwtOptions, "createSubscriberJwt");
    return this.sign(topics, options);
  }

  /** Signs a token. The signer of a cookie passes the cookie's hash. */
  sign(topics: Topics, options: JwtOptions & Pick<TokenBearer, "cookieHash">): string {
    const { tokens, variants } = this.#options;
    const selectors = this.#granted(topics);
    noteWithoutVariant(variants, selectors);
    return this.#noted(tokens.forSubscriber(selectors, { ...options, lifetime: lifetimeOf(options) }));
  }

  createPublisherJwt(topics: Topics, options: JwtOptions = {}): string {
    assertKnownOptions(options, jwtOptions, "createPublisherJwt");
    const granted = this.#granted(topics);
    return this.#noted(this.#options.tokens.forOtherPublisher(granted, { ...options, lifetime: lifetimeOf(options) }));
  }

  /** @throws MercureError `ERR_TOPIC` for a token that the hub would reject. */
  #granted(topics: Topics): [Selector, ...Selector[]] {
    const { protocol, streamLimits } = this.#options;
    const selectors = this.#options.topics.selectors(topics);
    checkGranted(selectors, protocol, streamLimits);
    return selectors;
  }

  /** Notes a token, so that responses that contain it are not cached. */
  #noted(token: string): string {
    this.#options.unbound.noteHandmade(token);
    return token;
  }
}

function lifetimeOf({ expiresIn }: JwtOptions): number | undefined {
  if (expiresIn === undefined || (Number.isFinite(expiresIn) && expiresIn > 0)) return expiresIn;
  throw new MercureError("ERR_OPTION", `expiresIn must be a number of seconds above 0, not ${String(expiresIn)}.`);
}
