import { randomBytes } from "node:crypto";
import { percentEncode } from "../../protocol/percent-encode.js";
import { OldestFirstMap } from "../../shared/oldest-first-map.js";
import type { Page, Pages } from "./render-context.js";

/** How many positions, and how many grants, wait for a response. The oldest are given up. */
const maxWaiting = 10_000;

/** In a stream's URL in place of a grant's name. As long as one, so that no length changes. */
const grantMark = "unbound-";
const grantMarkLength = 22;

const positions = /((?:lastEventID|last_event_id)=)([^&#"'<>\\\s]+)/g;
const grants = /eyJ[\w-]+\.[\w-]+\.[\w-]+|unbound-[\w-]{14}/g;

interface Position {
  readonly hubUrl: string;
  /** How many positions were written before. */
  readonly before: number;
}

interface Grant {
  /** For whose request it was made, as far as the asynchronous context could tell. */
  readonly page: Page | undefined;
  /** Gives the page that is being rendered its own, and returns what stands for it in the stream's URL. */
  give(): string;
}

/**
 * What was rendered while no response said for which request. The response that sends it says so: there the streams get
 * the position at which its request began, and private ones the token of its own viewer.
 *
 * What a response finds is a random text or a signed one, so that no visitor can write it into a page.
 */
export class UnboundStreams {
  readonly #pages: Pages;
  readonly #positions = new OldestFirstMap<string, Position>();
  readonly #grants = new OldestFirstMap<string, Grant>();
  /** Apart from grants, so that a job that makes many tokens takes no page's place. */
  readonly #handmade = new OldestFirstMap<string, true>();
  #count = 0;

  constructor(pages: Pages) {
    this.#pages = pages;
  }

  /** How many positions have been written so far. */
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

  /** Notes that a text, in a stream's URL, holds what somebody is granted. */
  noteGrant(text: string, grant: Grant): void {
    this.#grants.set(text, grant);
    if (this.#grants.size > maxWaiting) this.#grants.shift();
  }

  /** The text in place of a grant whose token goes into a cookie, once it is known whose browser gets it. */
  noteCookieGrant(grant: Grant): string {
    const text = (grantMark + randomBytes(11).toString("base64url")).slice(0, grantMarkLength);
    this.noteGrant(text, grant);
    return text;
  }

  /** Notes a token that the application gives out by itself, as it is: no cache may keep a response that holds it. */
  noteHandmade(token: string): void {
    this.#handmade.set(token, true);
    if (this.#handmade.size > maxWaiting) this.#handmade.shift();
  }

  /** Whether a text holds a private stream that is yet to get its token. */
  areIn(text: string): boolean {
    return text.includes(grantMark) && [...text.matchAll(grants)].some(([grant]) => this.#grants.has(grant));
  }

  /**
   * What a page's response sends in place of a part of its body.
   *
   * @throws MercureError as rendering a private stream in this response does.
   */
  bind<Body>(body: Body, page: () => Page): Body {
    if (typeof body === "string") return this.#bindGrants(this.#bindPositions(body, page), page) as Body;
    if (!Buffer.isBuffer(body) || !this.#hasTokens) return body;
    if (!body.includes("eyJ") && !body.includes(grantMark)) return body;
    // Latin-1 keeps all bytes as they are.
    const text = body.toString("latin1");
    const bound = this.#bindGrants(text, page);
    return bound === text ? body : (Buffer.from(bound, "latin1") as Body);
  }

  get #hasTokens(): boolean {
    return this.#grants.size > 0 || this.#handmade.size > 0;
  }

  #bindPositions(text: string, pageOf: () => Page): string {
    if (this.#positions.size === 0 || !/last_?event_?id=/i.test(text)) return text;
    return text.replace(positions, (whole, name: string, value: string) => {
      const position = this.#positions.get(value);
      if (position === undefined) return whole;
      const page = pageOf();
      page.onStream(position.hubUrl);
      // What was rendered before the request began may show what was true at that time: it keeps the older position.
      return position.before < page.unboundBefore ? whole : name + percentEncode(page.lastEventId);
    });
  }

  #bindGrants(text: string, pageOf: () => Page): string {
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
