import { randomBytes } from "node:crypto";
import { percentEncode } from "../../protocol/percent-encode.js";
import { OldestFirstMap } from "../../shared/oldest-first-map.js";
import type { RenderContext, RenderContexts } from "./render-context.js";

/** The max number of positions, and of grants, that wait for a response. The oldest are evicted. */
const maxWaiting = 10_000;

/**
 * The prefix of the placeholder for a grant's name in a stream's URL. The placeholder is as long as a name, so that
 * lengths stay the same.
 */
const grantMark = "unbound-";
const grantMarkLength = 22;

const positions = /((?:lastEventID|last_event_id)=)([^&#"'<>\\\s]+)/g;
const grants = /eyJ[\w-]+\.[\w-]+\.[\w-]+|unbound-[\w-]{14}/g;

interface Position {
  readonly hubUrl: string;
  /** The number of positions written before this one. */
  readonly before: number;
}

interface Grant {
  /** The page that the grant was made for, as the asynchronous context suggested it. */
  readonly page: RenderContext | undefined;
  /** Issues a token to the page that is being rendered. Returns the text that stands for it in the stream's URL. */
  give(): string;
}

/**
 * Holds the streams that were rendered without a known response. The response that sends them determines the request:
 * streams get the position of the request's beginning, and private streams get a token of the request's viewer.
 *
 * The texts that a response searches for are random or signed, so visitors cannot inject them into a page.
 */
export class UnboundStreams {
  readonly #pages: RenderContexts;
  readonly #positions = new OldestFirstMap<string, Position>();
  readonly #grants = new OldestFirstMap<string, Grant>();
  /**
   * The tokens that the application created by hand. They are separate from grants, so that a job that creates many
   * tokens evicts no page's grants.
   */
  readonly #handmade = new OldestFirstMap<string, true>();
  #count = 0;

  constructor(pages: RenderContexts) {
    this.#pages = pages;
  }

  /** The number of positions written so far. */
  get count(): number {
    return this.#count;
  }

  /** Notes that a stream begins at the hub's newest position. */
  notePosition(lastEventId: string, hubUrl: string): void {
    const position = percentEncode(lastEventId);
    if (this.#positions.has(position)) return;
    this.#positions.set(position, { hubUrl, before: this.#count++ });
    if (this.#positions.size > maxWaiting) this.#positions.shift();
  }

  /** Notes that a text in a stream's URL stands for a grant. */
  noteGrant(text: string, grant: Grant): void {
    this.#grants.set(text, grant);
    if (this.#grants.size > maxWaiting) this.#grants.shift();
  }

  /** Returns a placeholder for a grant whose token goes into a cookie. The cookie is set once the browser is known. */
  noteCookieGrant(grant: Grant): string {
    const text = (grantMark + randomBytes(11).toString("base64url")).slice(0, grantMarkLength);
    this.noteGrant(text, grant);
    return text;
  }

  /** Notes a token that the application created by hand. Responses that contain it must not be cached. */
  noteHandmade(token: string): void {
    this.#handmade.set(token, true);
    if (this.#handmade.size > maxWaiting) this.#handmade.shift();
  }

  /** Returns whether a text contains a private stream that does not have its token yet. */
  areIn(text: string): boolean {
    return text.includes(grantMark) && [...text.matchAll(grants)].some(([grant]) => this.#grants.has(grant));
  }

  /**
   * Returns a part of a response's body with the positions and tokens of the response's page.
   *
   * @throws MercureError as rendering a private stream in this response does.
   */
  bind<Body>(body: Body, page: () => RenderContext): Body {
    if (typeof body === "string") return this.#bindGrants(this.#bindPositions(body, page), page) as Body;
    if (!Buffer.isBuffer(body) || !this.#hasTokens) return body;
    if (!body.includes("eyJ") && !body.includes(grantMark)) return body;
    // Latin-1 keeps all bytes unchanged.
    const text = body.toString("latin1");
    const bound = this.#bindGrants(text, page);
    return bound === text ? body : (Buffer.from(bound, "latin1") as Body);
  }

  get #hasTokens(): boolean {
    return this.#grants.size > 0 || this.#handmade.size > 0;
  }

  #bindPositions(text: string, pageOf: () => RenderContext): string {
    if (this.#positions.size === 0 || !/last_?event_?id=/i.test(text)) return text;
    return text.replace(positions, (whole, name: string, value: string) => {
      const position = this.#positions.get(value);
      if (position === undefined) return whole;
      const page = pageOf();
      page.onStream(position.hubUrl);
      // Markup rendered before the request began can show older data, so it keeps its older position.
      return position.before < page.unboundBefore ? whole : name + percentEncode(page.lastEventId);
    });
  }

  #bindGrants(text: string, pageOf: () => RenderContext): string {
    if (!this.#hasTokens || !(text.includes("eyJ") || text.includes(grantMark))) return text;
    const bound = new Map<string, string>();
    return text.replace(grants, (found) => {
      const known = bound.get(found);
      if (known !== undefined) return known;
      const grant = this.#grants.get(found);
      if (grant === undefined) {
        if (this.#handmade.has(found)) pageOf().keepOutOfCaches();
        return found;
      }
      const page = pageOf();
      const isMade = grant.page === page && !found.startsWith(grantMark);
      const text = isMade ? found : this.#pages.within(page, () => grant.give());
      this.#grants.delete(found);
      bound.set(found, text);
      return text;
    });
  }
}
