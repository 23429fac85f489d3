import { AsyncLocalStorage } from "node:async_hooks";
import type { Selector } from "../protocol/active-subscription.js";

/** Signs a token for a cookie, which may need another one, of this hash, to be worth anything. */
export type CookieTokenSigner = (granted: readonly Selector[], cookieHash: string | undefined) => string;

/** A request for which pages or fragments are rendered. */
export interface Page {
  /** The hub's last event id when the request began: what happens from then on is replayed to the page's streams. */
  readonly lastEventId: string;
  /** The path under which the application is mounted in another; empty when it is not. */
  readonly mountPath: string;
  /** The scheme and host by which the request was made, which whoever made it has chosen. */
  readonly origin: string;
  /** What is asked for, for hints to the developer. */
  readonly url: string;
  /** The request itself, for the application's own functions. */
  readonly request?: unknown;
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
   * Gives the browser a token in a cookie.
   *
   * @param sign - Makes it, for what the page's cookie has to grant in all.
   * @throws MercureError `ERR_TOKEN` when the response has begun, so that it takes no more cookies.
   */
  keepToken(grant: string, granted: readonly Selector[], sign: CookieTokenSigner): void;
}

/**
 * The page being rendered. It travels with the asynchronous context and not with template variables, which imported
 * macros and isolated components cannot see.
 */
export class Pages {
  readonly #storage = new AsyncLocalStorage<Page>();

  get current(): Page | undefined {
    return this.#storage.getStore();
  }

  run<T>(page: Page, work: () => T): T {
    return this.#storage.run(page, work);
  }
}
