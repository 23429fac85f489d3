import { MercureError } from "../../shared/errors.js";
import { isLoopback } from "../../shared/loopback.js";

export interface HubAddressOptions {
  /** The hub's URL for this process. `true` stands for the host of each request. */
  readonly url: string | true;
  /** The hub's path at that host. */
  readonly path: string;
  /** The origins that may receive tokens. */
  readonly trustedHosts: readonly string[];
  /** Whether loopback hosts are trusted too. */
  readonly development: boolean;
}

/** The URL of a hub in another process. It can depend on the request. */
export class HubAddress {
  /** The path of the hub's URL, which is the prefix of the hub's own topics. */
  readonly path: string;
  readonly #options: HubAddressOptions;

  constructor(options: HubAddressOptions) {
    this.#options = options;
    this.path = options.url === true ? options.path : new URL(options.url).pathname.replace(/\/$/, "");
  }

  /**
   * Returns the URL to publish to.
   *
   * @param requested - The origin of the current request, as its sender wrote it. Undefined outside of a request.
   * @throws MercureError `ERR_PUBLISH` for an untrusted host, because that host would receive the token.
   */
  urlFor(requested: string | undefined): string {
    const url = requested === undefined ? this.#fixed : this.#trusted(requested);
    if (url !== undefined) return url;
    const reason =
      requested === undefined
        ? "The hub's host is unknown outside a request"
        : `The host of the request, ${JSON.stringify(requested)}, is not trusted, and received nothing`;
    throw new MercureError("ERR_PUBLISH", `${reason}: list the hub's hosts in the option trustedHosts.`);
  }

  /**
   * Returns the URL of the hub that this process follows. Without a configured host, the request's host decides;
   * returns undefined if that host is untrusted.
   */
  toFollow(requested: string): string | undefined {
    return this.#fixed ?? this.#trusted(requested);
  }

  /** The URL if it is the same for every request. Undefined if it depends on the request. */
  get #fixed(): string | undefined {
    const { url, path, trustedHosts } = this.#options;
    if (url !== true) return url;
    return trustedHosts[0] === undefined ? undefined : trustedHosts[0] + path;
  }

  #trusted(requested: string): string | undefined {
    const { url, path, trustedHosts, development } = this.#options;
    if (url !== true) return url;
    if (!URL.canParse(requested)) return undefined;
    const { host, origin } = new URL(requested);
    // The scheme comes from the configuration. The request's own can differ behind a proxy.
    const trusted = trustedHosts.find((each) => new URL(each).host === host);
    if (trusted !== undefined) return trusted + path;
    return development && isLoopback(host) ? origin + path : undefined;
  }
}
