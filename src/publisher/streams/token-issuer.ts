import type { Selector } from "../../protocol/active-subscription.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import { MercureError } from "../../shared/errors.js";
import type { RenderContexts } from "./render-context.js";
import { checkGranted, type StreamLimits } from "./stream-limits.js";
import type { TokenMode } from "./token-mode.js";
import type { Tokens } from "./tokens.js";
import type { UnboundStreams } from "./unbound-streams.js";
import type { Viewer } from "./viewer.js";

export interface TokenIssuerOptions {
  readonly protocol: ProtocolVersion;
  readonly streamLimits: StreamLimits;
  readonly tokens: Tokens;
  /** The place of the tokens of streams: their URLs, or cookies. */
  readonly tokenMode: TokenMode;
  readonly viewer: Viewer;
  readonly pages: RenderContexts;
  readonly unbound: UnboundStreams;
}

/** The authorization of a stream's request: a token in its URL, or the name of a grant in a cookie. */
export interface StreamAuthorization {
  readonly token?: string | undefined;
  readonly grant?: string | undefined;
}

/** Issues the tokens of streams to the viewer of the response that contains them. */
export class TokenIssuer {
  readonly #options: TokenIssuerOptions;

  constructor(options: TokenIssuerOptions) {
    this.#options = options;
  }

  /**
   * Returns a token that grants selectors to the current viewer.
   *
   * @param payload - The bearer's payload. Default: the application's payload for the selectors `of`.
   * @throws MercureError `ERR_FORBIDDEN` if the option `authorize` refuses, `ERR_OPTION` if it returns a promise.
   */
  issue(granted: readonly Selector[], of: readonly Selector[] | undefined, payload: unknown): string {
    const { tokens, viewer } = this.#options;
    return this.handOut(() => {
      viewer.check(granted);
      return tokens.forSubscriber(granted, this.#bearer(of, payload));
    });
  }

  /**
   * Authorizes a stream of the current viewer, by a token for its URL or by a cookie.
   *
   * @param of - The selectors that the viewer's payload is for. Default: the token has no payload.
   * @param payload - The bearer's payload. Default: the application's payload for the selectors `of`.
   * @throws MercureError `ERR_TOPIC` for a token that the hub would reject, `ERR_FORBIDDEN` and `ERR_OPTION` as
   * {@link TokenIssuer.issue} does, `ERR_TOKEN` if the token needs a cookie and the response is missing.
   */
  authorize(granted: readonly Selector[], of?: readonly Selector[], payload?: unknown): StreamAuthorization {
    const { protocol, streamLimits, tokens, tokenMode } = this.#options;
    checkGranted(granted, protocol, streamLimits);
    const grant = grantName(tokens, granted, of);
    if (tokenMode === "url") return { token: this.issue(granted, of, payload), grant };
    return { grant: this.#grantByCookie(grant, granted, of, payload) };
  }

  /**
   * Returns a token for the viewer of the current response. Without a response, the response that sends the token
   * replaces it with its own viewer's.
   */
  handOut(make: () => string): string {
    const { pages, unbound } = this.#options;
    const give = () => {
      pages.current?.onToken();
      return make();
    };
    const token = give();
    if (pages.rendering === undefined) unbound.noteGrant(token, { page: pages.current, give });
    return token;
  }

  /** Sets the cookie of a grant. Returns the grant's name, or a placeholder until the response is known. */
  #grantByCookie(
    grant: string,
    granted: readonly Selector[],
    of: readonly Selector[] | undefined,
    payload: unknown,
  ): string {
    const { pages, tokens, unbound, viewer } = this.#options;
    if (pages.current === undefined) {
      const hint = 'render it in a request, or set tokenMode to "url"';
      throw new MercureError(
        "ERR_TOKEN",
        `A private stream's token needs a cookie, but no response is known: ${hint}.`,
      );
    }
    const give = () => {
      const page = pages.current!;
      page.onToken();
      viewer.check(granted);
      const bearer = this.#bearer(of, payload);
      page.keepToken(grant, granted, (all, hash) => tokens.forSubscriber(all, { ...bearer, cookieHash: hash }));
      return grant;
    };
    if (pages.rendering !== undefined) return give();
    // Only the response that sends the stream determines the browser that gets the cookie.
    pages.current.onToken();
    viewer.check(granted);
    return unbound.noteCookieGrant({ page: pages.current, give });
  }

  #bearer(of: readonly Selector[] | undefined, payload: unknown) {
    const { viewer } = this.#options;
    return { payload: payload ?? (of && viewer.payloadFor(of)), subject: viewer.subjectOf() };
  }
}

/**
 * Returns a hash that names a grant's cookie. Equal grants have equal names. The hash includes the key of the tokens:
 * cookies ignore ports, so an application on another port would otherwise overwrite the cookie.
 */
function grantName(tokens: Tokens, granted: readonly Selector[], of: readonly Selector[] = []): string {
  const texts = [granted, of].map((selectors) =>
    selectors.map((each) => `${each.matchType ?? ""} ${each.text}`).sort(),
  );
  return tokens.mark(JSON.stringify(["grant", ...texts])).slice(0, 22);
}
