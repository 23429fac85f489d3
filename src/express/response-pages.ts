import type { Request, Response } from "express";
import { distinctTime } from "../distinct-time.js";
import { MercureError } from "../errors.js";
import { hubLink } from "../protocol/hub-link.js";
import type { Page, Pages } from "../publisher/page.js";
import type { UnboundStreams } from "../publisher/unbound-streams.js";
import type { AuthzCookies } from "./authz-cookies.js";
import { keepOutOfCaches } from "./caches.js";
import { mountPathOf } from "./mount-path.js";

export interface ResponsePagesOptions {
  readonly pages: Pages;
  readonly unbound: UnboundStreams;
  readonly cookies: AuthzCookies;
  /** The hub's last event id. */
  lastEventId(): string;
  /** The time in milliseconds since 1970. */
  now(): number;
}

/** The pages of responses: what is rendered for a response is rendered for its request, wherever that happens. */
export class ResponsePages {
  readonly #options: ResponsePagesOptions;
  readonly #pages = new WeakMap<Response, Page>();

  constructor(options: ResponsePagesOptions) {
    this.#options = options;
  }

  /** The page of a response whose request begins, or which was not seen to begin. */
  begin(response: Response, mountPath: string): Page {
    const { unbound, cookies, now } = this.#options;
    const request = response.req;
    const lastEventId = this.#options.lastEventId();
    let isLinked = false;
    const page: Page = {
      lastEventId,
      beganAt: distinctTime(now()),
      unboundBefore: unbound.count,
      mountPath: mountPathOf(mountPath),
      origin: originOf(request),
      url: request.originalUrl,
      request,
      get isOver() {
        return response.writableEnded || response.closed;
      },
      connections: 0,
      hasScripts: false,
      onStream: (hubUrl) => {
        if (isLinked || response.headersSent) return;
        isLinked = true;
        response.append("Link", hubLink(hubUrl, lastEventId));
      },
      onToken: () => keepOutOfCaches(response),
      keepToken: (grant, granted, sign) => cookies.keep(response, grant, granted, sign),
    };
    this.#pages.set(response, page);
    return page;
  }

  of(response: Response): Page {
    return this.#pages.get(response) ?? this.begin(response, response.app.path());
  }

  within<T>(response: Response, work: () => T): T {
    return this.#options.pages.within(this.of(response), work);
  }

  /**
   * The same for a function of the application.
   *
   * @throws MercureError `ERR_OPTION` for an asynchronous one, whose later part would not know the response.
   */
  withResponse<T>(response: Response, work: () => T): T {
    const result = this.within(response, work);
    if (!(result instanceof Promise)) return result;
    result.catch(() => {});
    throw new MercureError(
      "ERR_OPTION",
      "withResponse() takes a synchronous function: await the data first, then render in withResponse.",
    );
  }
}

/** The scheme and host by which a request was made. */
export function originOf(request: Request): string {
  return `${request.protocol}://${request.host ?? ""}`;
}
