import { AsyncLocalStorage } from "node:async_hooks";
import type { Selector } from "../../protocol/active-subscription.js";

/** Signs a token for a cookie, which may need another one, of this hash, to be worth anything. */
export type CookieTokenSigner = (granted: readonly Selector[], cookieHash: string | undefined) => string;

/** A request for which pages or fragments are rendered. */
export interface Page {
  /** The hub's last event id when the request began: what happens from then on is replayed to the page's streams. */
  readonly lastEventId: string;
  /**
   * When the request began, in milliseconds since 1970: its tokens are as old as that, so that a sign-out meanwhile
   * refuses them. A request that ends streams itself begins anew with that.
   */
  beganAt: number;
  /** How many positions had been written without a response when the request began; see {@link UnboundStreams}. */
  readonly unboundBefore: number;
  /** The path under which the application is mounted in another; empty when it is not. */
  readonly basePath: string;
  /** The scheme and host by which the request was made, which whoever made it has chosen. */
  readonly origin: string;
  /** What is asked for, for hints to the developer. */
  readonly url: string;
  /** The request itself, for the application's own functions. */
  readonly request?: unknown;
  /** Whether the response has ended. Work that goes on after that is no part of the request. */
  readonly isOver: boolean;
  /**
   * How many bytes are left for a stream's URL and token in the head of its request to this application, beside the
   * cookies of the browser; undefined where the server's bound is not known.
   */
  headBytes(): number | undefined;
  /** How many connections the page has opened so far. */
  connections: number;
  /** Whether it has the scripts that receive them. */
  hasScripts: boolean;
  /** Called when a stream is written into the page, with the URL of its hub. */
  onStream(hubUrl: string): void;
  /**
   * Called when a private stream is written into the page, which no shared cache may keep then.
   *
   * @throws MercureError `ERR_TOKEN` when the response has begun, and says that caches may.
   */
  onToken(): void;
  /**
   * Lets no cache keep the response, which holds a token that the application gives out by itself.
   *
   * @throws MercureError `ERR_TOKEN` when the response has begun, and says that caches may keep it.
   */
  keepOutOfCaches(): void;
  /**
   * Gives the browser a token in a cookie.
   *
   * @param sign - Makes it, for what the page's cookie has to grant in all.
   * @throws MercureError `ERR_TOKEN` when the response has begun, so that it takes no more cookies.
   */
  keepToken(grant: string, granted: readonly Selector[], sign: CookieTokenSigner): void;
}

/**
 * Knows for which request something is rendered.
 *
 * The response that renders says which: {@link Pages.within}. Rendering is synchronous, so a variable holds it, which
 * imported macros and isolated components see, and which nothing that rendering starts can inherit.
 *
 * Without a response the asynchronous context can only suggest one. Callbacks of a pooled connection run in the context
 * of the request that has opened it, and timers in that of the request that has started them.
 */
export class Pages {
  readonly #contexts = new AsyncLocalStorage<Page>();
  #rendering: Page | undefined;

  /** The page of the response that is being rendered; undefined where no response has said so. */
  get rendering(): Page | undefined {
    return this.#rendering;
  }

  /** The same, or else the page that the asynchronous context suggests, as long as its response has not ended. */
  get current(): Page | undefined {
    const suggested = this.#rendering ?? this.#contexts.getStore();
    return suggested === this.#rendering || suggested?.isOver === false ? suggested : undefined;
  }

  /** The origin of the request in whose course this happens, even after its response. */
  get origin(): string | undefined {
    return (this.#rendering ?? this.#contexts.getStore())?.origin;
  }

  /** Handles a request: what it starts may ask for {@link Pages.current}. */
  enter<T>(page: Page, work: () => T): T {
    return this.#contexts.run(page, work);
  }

  /** Renders for a page, until `work` returns or throws. */
  within<T>(page: Page | undefined, work: () => T): T {
    const outer = this.#rendering;
    this.#rendering = page;
    try {
      return work();
    } finally {
      this.#rendering = outer;
    }
  }

  /** Makes a callback of rendering go on for the page that is being rendered now. */
  bind<Args extends unknown[], Result>(callback: (...args: Args) => Result): (...args: Args) => Result {
    const page = this.#rendering;
    return page === undefined ? callback : (...args) => this.within(page, () => callback(...args));
  }
}
