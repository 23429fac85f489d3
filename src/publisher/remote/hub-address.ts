import { MercureError } from "../../shared/errors.js";
import { isLoopback } from "../../shared/loopback.js";

export interface HubAddressOptions {
  /** As this process reaches it; `true`: at the host of each request. */
  readonly url: string | true;
  /** Its path there. */
  readonly path: string;
  /** The origins to which tokens may be sent. */
  readonly trustedHosts: readonly string[];
  /** Whether this machine is trusted, too. */
  readonly development: boolean;
}

/** Knows the URL of a hub outside of this process, which may be different for each request. */
export class HubAddress {
  /** The path of the hub's URL, with which its own topics begin. */
  readonly path: string;
  readonly #options: HubAddressOptions;

  constructor(options: HubAddressOptions) {
    this.#options = options;
    this.path = options.url === true ? options.path : new URL(options.url).pathname.replace(/\/$/, "");
  }

  /**
   * The URL to publish to.
   *
   * @param requested - The origin of the request that is under way, as whoever made it wrote it.
   * @throws MercureError `ERR_PUBLISH` for a host that is not trusted, since the token would follow it.
   */
  urlFor(requested: string | undefined): string {
    const url = requested === undefined ? this.#fixed : this.#trusted(requested);
    if (url !== undefined) return url;
    const reason =
      requested === undefined
        ? "Outside of a request the hub's host is not known"
        : `The host of the request, ${JSON.stringify(requested)}, is not trusted, and nothing was sent there`;
    throw new MercureError("ERR_PUBLISH", `${reason}: name the hosts of the hub by the option trustedHosts.`);
  }

  /** The URL of the one hub that this process follows; undefined when there is none, and the request's host is no help. */
  toFollow(requested: string): string | undefined {
    return this.#fixed ?? this.#trusted(requested);
  }

  /** The URL that no request changes. */
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
    // The scheme is that of the configuration: behind a proxy, the request's own may be another.
    const trusted = trustedHosts.find((each) => new URL(each).host === host);
    if (trusted !== undefined) return trusted + path;
    return development && isLoopback(host) ? origin + path : undefined;
  }
}
