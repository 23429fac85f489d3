import { createHash, randomBytes } from "node:crypto";
import type { Request } from "express";
import { cookiesOf } from "../hub/http/request.js";
import { keyCookie } from "../protocol/tokens/authz-cookies.js";
import { onRejection } from "../shared/on-rejection.js";
import type { CookieNames } from "./cookie-names.js";
import { isOfSeenSession, withMark } from "./session-mark.js";

export interface CookieKeysOptions {
  /** Returns the person behind a request. The key of one person is invalid for another. */
  subjectOf(req: Request): unknown;
  /** Signs a text with the application's key. */
  sign(text: string): string;
}

/**
 * The keys of browsers. A browser's tokens in cookies are valid only together with its key, in another cookie. A key is
 * half random and half a mark of the person, so that it becomes invalid when another person signs in.
 */
export class CookieKeys {
  readonly #names: CookieNames;
  readonly #options: CookieKeysOptions;
  /** The subject of each request when it began. */
  readonly #firstSubjects = new WeakMap<Request, unknown>();

  constructor(names: CookieNames, options: CookieKeysOptions) {
    this.#names = names;
    this.#options = options;
  }

  /** Notes the person behind a request when it begins. */
  begin(req: Request): void {
    this.#firstSubjects.set(req, this.personOf(req));
  }

  /** Returns the key that a request carries. */
  of(req: Request): string | undefined {
    const name = this.#names.ofKey(req);
    return cookiesOf(req).find(([each, value]) => each === name && value !== "")?.[1];
  }

  /** Returns the key that a request carries, if new tokens of the person can use it. */
  valid(req: Request): string | undefined {
    const key = this.of(req);
    const subject = this.#options.subjectOf(req);
    const isValid =
      key !== undefined && isOfSeenSession(key) === this.#isSeen(req, subject) && this.#isKeyOf(key, subject);
    return isValid ? key : undefined;
  }

  make(req: Request): string {
    const subject = this.#options.subjectOf(req);
    return this.#make(subject, withMark(randomBytes(8), this.#isSeen(req, subject)));
  }

  /** Whether a key belongs to the person behind a request. */
  isOfPerson(req: Request, key: string): boolean {
    return this.#isKeyOf(key, this.personOf(req));
  }

  /** Returns the key's cookie, as a request carries it. */
  cookie(req: Request, key: string): string {
    return keyCookie(this.#names.ofKey(req), key);
  }

  /** Returns the hash of a key, as tokens contain it. */
  hash(req: Request, key: string): string {
    return createHash("sha256").update(this.cookie(req, key)).digest("base64url");
  }

  /** Returns the person, as far as the earlier middleware tells. Its failure means that the session is not read yet. */
  personOf(req: Request): unknown {
    try {
      const subject = this.#options.subjectOf(req);
      onRejection(subject);
      return subject;
    } catch {
      return undefined;
    }
  }

  /** Whether the person of a request was known when it began. */
  #isSeen(req: Request, subject: unknown): boolean {
    return this.#firstSubjects.has(req) && this.#firstSubjects.get(req) === subject;
  }

  #make(subject: unknown, random: Buffer): string {
    const text = JSON.stringify(["key", random.toString("base64url"), subject === undefined ? null : String(subject)]);
    const mark = createHash("sha256").update(this.#options.sign(text)).digest().subarray(0, 8);
    return Buffer.concat([random, mark]).toString("base64url");
  }

  #isKeyOf(key: string, subject: unknown): boolean {
    return key === this.#make(subject, Buffer.from(key, "base64url").subarray(0, 8));
  }
}
