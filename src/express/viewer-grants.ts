import type { Request, Response } from "express";
import { nameOf } from "../protocol/carried-name.js";
import type { TopicReader } from "../publisher/publish/topic-reader.js";
import type { Topics } from "../publisher/publish/topics.js";
import type { Authorizer } from "../publisher/streams/authorizer.js";
import type { HandmadeTokens } from "../publisher/streams/handmade-tokens.js";
import { watchedTopics } from "../publisher/streams/watched-topics.js";
import { MercureError } from "../shared/errors.js";
import { isPlainObject } from "../shared/plain-object.js";
import type { AuthzCookies } from "./authz-cookies.js";
import type { ResponseViewer } from "./response-viewer.js";

export interface ViewerGrantsOptions {
  readonly topics: TopicReader;
  readonly authorizer: Authorizer;
  /** The path prefix of the hub's own topics. */
  readonly hubPath: string;
  readonly tokens: HandmadeTokens;
  readonly cookies: AuthzCookies;
  readonly viewers: ResponseViewer;
}

/** Grants streams to the viewer of a request, ahead of rendering or by the authorization cookie. */
export class ViewerGrants {
  readonly #options: ViewerGrantsOptions;

  constructor(options: ViewerGrantsOptions) {
    this.#options = options;
  }

  async authorize(request: Request, topics: Topics): Promise<boolean> {
    const { authorizer, hubPath } = this.#options;
    const texts = this.#options.topics.selectors(topics).map(({ text }) => text);
    return authorizer.authorize(request, watchedTopics(hubPath, texts), "render");
  }

  setAuthzCookie(response: Response, grant: Topics | { readonly jwt: string }): void {
    const { cookies, tokens, viewers } = this.#options;
    if (!isJwt(grant)) {
      const names = this.#options.topics.selectors(grant).map(({ text }) => nameOf(text));
      const identity = viewers.of(response, names);
      cookies.set(response, (cookieHash) => tokens.sign(grant, { ...identity, cookieHash }));
      return;
    }
    if (!/^[\w.~+/=-]+$/.test(grant.jwt)) {
      throw new MercureError("ERR_TOKEN", "`jwt` is not a valid token.");
    }
    cookies.setUnbound(response, grant.jwt);
  }

  deleteAuthzCookie(response: Response): void {
    this.#options.cookies.delete(response);
  }
}

function isJwt(value: Topics | { readonly jwt: string }): value is { readonly jwt: string } {
  return isPlainObject(value) && typeof value.jwt === "string";
}
