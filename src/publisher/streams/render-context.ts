import { AsyncLocalStorage } from "node:async_hooks";
import type { Selector } from "../../protocol/active-subscription.js";
import type { HtmxLine } from "../../shared/htmx-line.js";

/** Returns a signed token for a cookie. With a hash, the token is valid only together with the cookie of that hash. */
export type CookieTokenSigner = (granted: readonly Selector[], cookieHash: string | undefined) => string;

/** A request that renders pages or fragments. */
export interface RenderContext {
  /** The hub's last event id when the request began. Later updates are replayed to the page's streams. */
  readonly lastEventId: string;
  /**
   * The time when the request began, in milliseconds since 1970. Its tokens are dated at this time, so a sign-out
   * during the request revokes them. A request that ends streams itself gets a new time.
   */
  beganAt: number;
  /** The number of positions written without a response when the request began; see {@link UnboundStreams}. */
  readonly unboundBefore: number;
  /** The path that the application is mounted at in another application. Empty at the root. */
  readonly basePath: string;
  /** The scheme and host of the request, which its sender can forge. */
  readonly origin: string;
  /** The URL of the request, for hints to the developer. */
  readonly url: string;
  /** The request object, for the application's own functions. */
  readonly request?: unknown;
  /** Whether the response has ended. Work after that does not belong to the request. */
  readonly isOver: boolean;
  /**
   * Returns the number of bytes left in a request's head for a stream's URL and token, beside the browser's cookies.
   * Returns undefined if the server's limit is not known.
   */
  headBytes(): number | undefined;
  /** The number of connections that the page has opened so far. */
  connections: number;
  /** Whether the page has the scripts that receive the streams. */
  hasScripts: boolean;
  /** The line of htmx that the page's scripts name. Undefined if they name no line. */
  htmx?: HtmxLine | undefined;
  /** Called when a stream is written into the page, with the URL of its hub. */
  onStream(hubUrl: string): void;
  /**
   * Called when a private stream is written into the page. Shared caches must not store the page then.
   *
   * @throws MercureError `ERR_TOKEN` if the response has begun and its headers allow shared caching.
   */
  onToken(): void;
  /**
   * Forbids caching of the response, which contains a token that the application created by hand.
   *
   * @throws MercureError `ERR_TOKEN` if the response has begun and its headers allow caching.
   */
  keepOutOfCaches(): void;
  /**
   * Sets a cookie with a token.
   *
   * @param sign - Signs the token for everything that the page's cookie must grant.
   * @throws MercureError `ERR_TOKEN` if the response has begun, because its headers are sent.
   */
  keepToken(grant: string, granted: readonly Selector[], sign: CookieTokenSigner): void;
}

/**
 * The pages of the present request, by application. A process has one storage for all of its applications, because each
 * storage costs time at every asynchronous step until the process ends.
 */
const pages = new AsyncLocalStorage<ReadonlyMap<RenderContexts, RenderContext>>();

/**
 * Tracks the request that is being rendered.
 *
 * The response that renders sets it with {@link RenderContexts.within}. Rendering is synchronous, so a variable holds the page.
 * Imported macros and isolated components see the variable, and asynchronous work started by rendering cannot inherit
 * it.
 *
 * Without a response, the asynchronous context can only suggest a request. Callbacks of a pooled connection run in the
 * context of the request that opened it, and timers in the context of the request that started them.
 */
export class RenderContexts {
  #rendering: RenderContext | undefined;

  /** The page of the response that is being rendered. Undefined outside of a response's rendering. */
  get rendering(): RenderContext | undefined {
    return this.#rendering;
  }

  /**
   * The page that is being rendered, or else the page that the asynchronous context suggests, until its response has
   * ended.
   */
  get current(): RenderContext | undefined {
    const suggested = this.#rendering ?? pages.getStore()?.get(this);
    return suggested === this.#rendering || suggested?.isOver === false ? suggested : undefined;
  }

  /** The origin of the current request, even after its response has ended. */
  get origin(): string | undefined {
    return (this.#rendering ?? pages.getStore()?.get(this))?.origin;
  }

  /** Runs the handler of a request. Everything that it starts can read {@link RenderContexts.current}. */
  enter<T>(page: RenderContext, work: () => T): T {
    return pages.run(new Map(pages.getStore()).set(this, page), work);
  }

  /** Runs `work` as the rendering of a page, until it returns or throws. */
  within<T>(page: RenderContext | undefined, work: () => T): T {
    const outer = this.#rendering;
    this.#rendering = page;
    try {
      return work();
    } finally {
      this.#rendering = outer;
    }
  }

  /** Returns a callback that runs as part of the current page's rendering. */
  bind<Args extends unknown[], Result>(callback: (...args: Args) => Result): (...args: Args) => Result {
    const page = this.#rendering;
    return page === undefined ? callback : (...args) => this.within(page, () => callback(...args));
  }
}
