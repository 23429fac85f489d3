import { randomUUID } from "node:crypto";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import { connectionParameters } from "../streams/stream-url.js";
import { followEventStream, NoEventStream, precedingIdOf } from "./event-stream-follower.js";
import { connectionFailure } from "./http-answer.js";

export interface RemoteCursorOptions {
  readonly protocol: ProtocolVersion;
  /** Returns a subscriber's token that grants all topics. Called for each connection, because tokens expire. */
  makeToken(): string;
  /** Publishes an update that pages ignore. Resolves to its id. */
  mark(hubUrl: string): Promise<string>;
  /** Called once when the hub cannot be followed, and again only after a successful connection. */
  onError(message: string, error: unknown): void;
}

/** The max time that requests wait for the first position, in milliseconds. */
const maxWait = 1000;
/** The reconnection time until the hub sends one, and its max, in milliseconds. */
const minRetry = 250;
const maxRetry = 15_000;

/**
 * Follows a hub in another process by a subscription to all topics, and keeps the last event id received.
 *
 * A page rendered with this id misses no updates. An id that is too old only repeats updates, which replace themselves
 * on the page. An id that is too new would lose updates. If the hub cannot confirm that its history still contains the
 * updates after the id, `RemoteCursor` publishes an update of its own, whose position is known.
 */
export class RemoteCursor {
  readonly #options: RemoteCursorOptions;
  readonly #closing = new AbortController();
  /**
   * The last event id received. At first it is an unknown id: the hub then replays either nothing or everything, and
   * reports a gap.
   */
  #lastEventId = `urn:uuid:${randomUUID()}`;
  #isKnown = false;
  #following: Promise<void> | undefined;
  #settling: Promise<void> | undefined;
  #release = () => {};

  constructor(options: RemoteCursorOptions) {
    this.#options = options;
  }

  get lastEventId(): string {
    return this.#lastEventId;
  }

  /**
   * Starts to follow the hub at the first call. A script that only publishes never calls it, and thus can exit.
   *
   * @param hubUrl - The hub's URL. The first one that is defined is followed.
   * @returns a promise that resolves once a position is known, the connection fails or one second has passed. Returns
   * undefined after that.
   */
  start(hubUrl: string | undefined): Promise<void> | undefined {
    if (hubUrl !== undefined && this.#following === undefined && !this.#closing.signal.aborted) {
      this.#settling = new Promise((resolve) => {
        const settle = () => {
          clearTimeout(timer);
          this.#settling = undefined;
          resolve();
        };
        const timer = setTimeout(settle, maxWait);
        this.#release = settle;
      });
      this.#following = this.#follow(hubUrl);
    }
    return this.#settling;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#release();
    await this.#following;
  }

  async #follow(hubUrl: string): Promise<void> {
    const { protocol, makeToken } = this.#options;
    const everything = new URLSearchParams(connectionParameters(protocol, [{ text: "*" }]));
    let isReported = false;
    for await (const step of followEventStream({
      url: `${hubUrl}?${everything}`,
      headers: () => ({ Authorization: `Bearer ${makeToken()}` }),
      signal: this.#closing.signal,
      minRetry,
      maxRetry,
    })) {
      if (step.kind === "open") {
        isReported = false;
        if (!this.#isKnown || precedingIdOf(step.response) !== this.#lastEventId) void this.#publishMarker(hubUrl);
      } else if (step.kind === "position") {
        if (step.lastEventId !== "") this.#advance(step.lastEventId);
      } else if (step.kind === "closed" && step.reason !== undefined) {
        this.#release();
        if (!isReported) this.#report(hubUrl, reasonOf(step.reason, protocol), step.reason);
        isReported = true;
      }
    }
  }

  async #publishMarker(hubUrl: string): Promise<void> {
    const before = this.#lastEventId;
    try {
      const id = await this.#options.mark(hubUrl);
      // The stream has usually delivered this update already.
      if (this.#lastEventId === before) this.#advance(id);
    } catch (error) {
      this.#release();
      if (!this.#closing.signal.aborted) this.#report(hubUrl, "it rejected the update that marks a position", error);
    }
  }

  #advance(id: string): void {
    this.#lastEventId = id;
    this.#isKnown = true;
    this.#release();
  }

  #report(hubUrl: string, reason: string, error: unknown): void {
    const message = `cannot subscribe to the hub at ${hubUrl}: ${reason}. Until then, new pages can miss updates`;
    this.#options.onError(message, error);
  }
}

function reasonOf(error: unknown, protocol: ProtocolVersion): string {
  return error instanceof NoEventStream ? describeFailure(error.response, protocol) : connectionFailure(error).reason;
}

function describeFailure({ status, headers }: Response, protocol: ProtocolVersion): string {
  const challenge = headers.get("WWW-Authenticate");
  const details = challenge === null ? "" : ` (${challenge})`;
  if (status === 200) return "its answer is not an event stream";
  if (status !== 401 && status !== 403) return `it answered ${status}${details}`;
  const identity = protocol === 0 ? "" : ", and issuer and resource must match its configuration";
  return `it answered ${status}${details}; subscriberSecretKey must be its key for subscribers' tokens${identity}`;
}
