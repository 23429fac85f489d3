import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { EventStreamParser } from "../protocol/event-stream-parser.js";
import type { Generation } from "../protocol/generation.js";
import { connectionFailure, retryAfterOf } from "./http-answer.js";
import { subscriptionParameters } from "./stream-url.js";

export interface HubPositionOptions {
  readonly protocol: Generation;
  /** Makes a subscriber's token that grants all topics; for each connection, since it expires. */
  makeToken(): string;
  /** Publishes an update that nobody shows, and resolves to its id. */
  mark(hubUrl: string): Promise<string>;
  /** Told once when the hub cannot be followed, and not again before it could. */
  onError(message: string, error: unknown): void;
}

/** How long requests wait for the first position, in milliseconds. */
const longestWait = 1000;
/** How long the hub may take to open the stream, in milliseconds. */
const patience = 10_000;
const firstBackoff = 250;
const longestBackoff = 15_000;

/**
 * Follows a hub that is not in this process by a subscription to everything, and knows the last id that was seen there.
 *
 * A page that is rendered with it misses nothing: an id that is too old only makes updates come twice to where they
 * replace themselves, one that is too new would lose them. Where the hub cannot tell that its history still holds what
 * follows an id, an update of our own is published, whose place there is certain.
 */
export class HubPosition {
  readonly #options: HubPositionOptions;
  readonly #closing = new AbortController();
  /** Names no update at first: a hub replays from it nothing, or all, and says that there is a gap. */
  #lastEventId = `urn:uuid:${randomUUID()}`;
  #isKnown = false;
  #following: Promise<void> | undefined;
  #settling: Promise<void> | undefined;
  #settle = () => {};
  /** The reconnection time that the hub asks for, in milliseconds. */
  #retry = 0;

  constructor(options: HubPositionOptions) {
    this.#options = options;
  }

  get lastEventId(): string {
    return this.#lastEventId;
  }

  /**
   * Begins to follow the hub, when called for the first time: a script that only publishes is not kept from ending.
   *
   * @param hubUrl - Undefined when it is not known yet; the first that is known is followed.
   * @returns for a short time, what resolves once a position is known, or is not to be had soon; undefined from then on.
   */
  begin(hubUrl: string | undefined): Promise<void> | undefined {
    if (hubUrl !== undefined && this.#following === undefined && !this.#closing.signal.aborted) {
      this.#settling = new Promise((resolve) => {
        const settle = () => {
          clearTimeout(timer);
          this.#settling = undefined;
          resolve();
        };
        const timer = setTimeout(settle, longestWait);
        this.#settle = settle;
      });
      this.#following = this.#follow(hubUrl);
    }
    return this.#settling;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#settle();
    await this.#following;
  }

  async #follow(hubUrl: string): Promise<void> {
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted) {
      let delay = this.#retry;
      try {
        const response = await this.#open(hubUrl);
        delay = Math.max(delay, retryAfterOf(response));
        if (!isEventStream(response)) {
          await response.body?.cancel();
          throw new Error(complaint(response, this.#options.protocol));
        }
        failures = 0;
        if (!this.#isConfirmedBy(response)) void this.#mark(hubUrl);
        await this.#read(response);
      } catch (error) {
        if (signal.aborted) return;
        this.#settle();
        if (failures++ === 0) this.#report(hubUrl, connectionFailure(error).reason, error);
      }
      const backoff = Math.min(longestBackoff, firstBackoff * 2 ** failures);
      await wait(Math.max(delay, backoff * (0.5 + Math.random() / 2)), undefined, { signal }).catch(() => {});
    }
  }

  async #open(hubUrl: string): Promise<Response> {
    const { protocol, makeToken } = this.#options;
    const everything = new URLSearchParams(subscriptionParameters(protocol, [{ text: "*" }]));
    const tooLate = new AbortController();
    const timer = setTimeout(() => tooLate.abort(new Error("it does not answer")), patience);
    try {
      return await fetch(`${hubUrl}?${everything}`, {
        headers: {
          Accept: "text/event-stream",
          Authorization: `Bearer ${makeToken()}`,
          // Header values are Latin-1 to fetch; ids may be any text, in UTF-8.
          ...(this.#isKnown && { "Last-Event-ID": Buffer.from(this.#lastEventId).toString("latin1") }),
        },
        redirect: "manual",
        signal: AbortSignal.any([this.#closing.signal, tooLate.signal]),
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether the hub says that the stream begins after the very update that was asked for. */
  #isConfirmedBy({ headers }: Response): boolean {
    const preceding = headers.get("Mercure-Last-Event-ID") ?? headers.get("Last-Event-ID");
    return this.#isKnown && preceding !== null && Buffer.from(preceding, "latin1").toString() === this.#lastEventId;
  }

  async #mark(hubUrl: string): Promise<void> {
    const before = this.#lastEventId;
    try {
      const id = await this.#options.mark(hubUrl);
      // Usually the stream has already brought it.
      if (this.#lastEventId === before) this.#see(id);
    } catch (error) {
      this.#settle();
      if (!this.#closing.signal.aborted) this.#report(hubUrl, "it takes no update that marks a position", error);
    }
  }

  /** Reads until the stream ends or breaks; `fetch` itself ends one on which nothing has come for five minutes. */
  async #read(response: Response): Promise<void> {
    const parser = new EventStreamParser({
      event: () => {},
      lastEventId: (id) => {
        if (id !== "") this.#see(id);
      },
      retry: (milliseconds) => {
        this.#retry = Math.min(milliseconds, longestBackoff);
      },
    });
    try {
      for await (const chunk of response.body!) parser.push(chunk);
    } catch {
      // It is opened again, from where it broke.
    }
  }

  #see(id: string): void {
    this.#lastEventId = id;
    this.#isKnown = true;
    this.#settle();
  }

  #report(hubUrl: string, reason: string, error: unknown): void {
    const message = `the hub at ${hubUrl} cannot be followed: ${reason}. Until it can, new pages may miss updates`;
    this.#options.onError(message, error);
  }
}

function isEventStream({ status, headers }: Response): boolean {
  return status === 200 && /^text\/event-stream\b/i.test(headers.get("Content-Type") ?? "");
}

function complaint({ status, headers }: Response, protocol: Generation): string {
  const challenge = headers.get("WWW-Authenticate");
  const details = challenge === null ? "" : ` (${challenge})`;
  if (status === 200) return "it answers with something else than an event stream";
  if (status !== 401 && status !== 403) return `it answers ${status}${details}`;
  const identity = protocol === 0 ? "" : ", and issuer and resource must be those that it knows";
  return `it answers ${status}${details}; subscriberSecretKey must be the key that it verifies subscribers' tokens with${identity}`;
}
