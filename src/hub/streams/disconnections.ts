import {
  type Disconnection,
  type DisconnectTarget,
  decodeDisconnection,
  disconnectionOf,
  encodeDisconnection,
} from "../../protocol/disconnection.js";
import type { MatcherList } from "../../protocol/matching/matcher.js";
import { topicOf } from "../../protocol/own-topics.js";
import { HttpProblem } from "../../protocol/problem.js";
import type { CloseReason } from "../../protocol/sse/close-event.js";
import { distinctTime } from "../../shared/distinct-time.js";
import type { ControlChannel, ControlMessage } from "../auth/control-channel.js";
import { type Bearer, Revocations } from "../auth/revocations.js";
import type { VerifiedToken } from "../auth/verified-token.js";

/** The properties that a disconnection selects open streams by. */
export interface DisconnectableStream {
  readonly id: string;
  /** The tokens that opened it. */
  readonly tokens: readonly VerifiedToken[];
  readonly subject: string | undefined;
  readonly group: { readonly matchers: MatcherList };

  /**
   * @param reason - The reason of a final end. Undefined if the client can reconnect.
   * @param isDisconnected - Whether a disconnection ends the stream.
   */
  end(reason: CloseReason | undefined, isDisconnected: boolean): void;
}

/** Ends streams on every node, and revokes the tokens that would reopen them. */
export class Disconnections {
  readonly #channel: ControlChannel;
  readonly #subscribers: () => Iterable<DisconnectableStream>;
  readonly #onError: (error: unknown) => void;
  readonly #revocations = new Revocations();
  readonly #stop: () => void;
  /** Resolves when this node knows the disconnections from before its start. */
  #loaded: Promise<void> | undefined;

  /** @param subscribers - Returns the subscribers of this node. */
  constructor(
    channel: ControlChannel,
    subscribers: () => Iterable<DisconnectableStream>,
    onError: (error: unknown) => void,
  ) {
    this.#channel = channel;
    this.#subscribers = subscribers;
    this.#onError = onError;
    this.#stop = channel.listen(
      (data) => this.#apply(decodeDisconnection(data)),
      () => void this.#catchUp(),
    );
  }

  /**
   * Ends the streams of a target. Resolves when this node's streams have ended and the transport has the message for
   * other nodes.
   *
   * @throws MercureError `ERR_OPTION`
   */
  async broadcast(target: DisconnectTarget): Promise<void> {
    const disconnection = disconnectionOf(target, distinctTime(this.#channel.now()));
    // This node's streams end first, even if the transport fails.
    this.#apply(disconnection);
    await this.#channel.send(messageOf(disconnection));
  }

  /**
   * Resolves to whether a token is revoked.
   *
   * @throws HttpProblem 503 while the disconnections from before this node's start are unavailable.
   */
  async isRevoked(token: VerifiedToken): Promise<boolean> {
    this.#loaded ??= this.#load();
    await this.#loaded;
    return this.isRevokedNow([token]);
  }

  /** Returns whether one of the tokens is revoked, by the disconnections that this node knows now. */
  isRevokedNow(tokens: readonly Bearer[] = []): boolean {
    return tokens.some((token) => this.#revocations.isRevoked(token));
  }

  close(): void {
    this.#stop();
  }

  async #load(): Promise<void> {
    try {
      const lost = await this.#channel.readAll((data) => this.#record(decodeDisconnection(data)));
      if (lost !== undefined) this.#revocations.forget(lost);
    } catch (error) {
      this.#loaded = undefined;
      const detail = "Token revocation status is temporarily unavailable.";
      throw new HttpProblem(503, detail, { "Retry-After": "5" }, error);
    }
  }

  /** Applies all disconnections in force, after this node has missed some. */
  async #catchUp(): Promise<void> {
    const messages: string[] = [];
    try {
      const lost = await this.#channel.readAll((data) => messages.push(data));
      if (lost !== undefined) this.#revocations.forget(lost);
      for (const data of messages) this.#apply(decodeDisconnection(data));
    } catch (error) {
      this.#onError(error);
    }
  }

  #record(disconnection: Disconnection | undefined): void {
    if (disconnection !== undefined) this.#revocations.add(disconnection);
  }

  #apply(disconnection: Disconnection | undefined): void {
    if (disconnection === undefined) return;
    this.#record(disconnection);
    for (const subscriber of this.#subscribers()) {
      if (!isSelected(subscriber, disconnection)) continue;
      const { tokens } = subscriber;
      const ofTokens = disconnection.kind === "subscriber" ? tokens : [];
      for (const token of ofTokens) this.#record(revocationOf(token, disconnection));
      // A client that can reconnect receives no reason of a final end.
      const isForGood = tokens.length > 0 && tokens.every((token) => this.isRevokedNow([token]));
      subscriber.end(isForGood ? "disconnected" : undefined, true);
      // Only this node knows the tokens of the stream, and its client can reconnect to another node.
      for (const token of ofTokens) {
        this.#channel.send(messageOf(revocationOf(token, disconnection), token.expiresAt)).catch(this.#onError);
      }
    }
  }
}

/** The time that the end of a single stream has to reach every node, in milliseconds. It revokes nothing. */
const streamEndLifetime = 3_600_000;

/** @param expiresAt - The expiry time of the only token that the message revokes. */
function messageOf(disconnection: Disconnection, expiresAt?: number): ControlMessage {
  const until = disconnection.kind === "subscriber" ? disconnection.before + streamEndLifetime : expiresAt;
  return { data: encodeDisconnection(disconnection), key: `${disconnection.kind} ${disconnection.name}`, until };
}

/** Returns the disconnection that revokes a token of an ended stream. */
function revocationOf({ id }: VerifiedToken, { before }: Disconnection): Disconnection {
  return { kind: "token", name: id, before };
}

/**
 * Returns whether a disconnection selects a stream. It spares a stream whose token is younger. A stream with
 * tokens of several people belongs to each of them.
 */
function isSelected(
  { id, tokens, subject, group }: DisconnectableStream,
  { kind, name, before }: Disconnection,
): boolean {
  if (kind === "subscriber") return id === name;
  if (kind === "subject" && tokens.length > 0) {
    return tokens.some(({ sub, issuedAt = 0 }) => sub === name && issuedAt <= before);
  }
  if (tokens.length > 0 && tokens.every(({ issuedAt = 0 }) => issuedAt > before)) return false;
  if (kind === "token") return tokens.some((token) => token.id === name);
  if (kind === "subject") return subject === name;
  // A topic includes its variants.
  const { matchers } = group;
  return matchers.matches(name) || [...matchers.exact].some((topic) => topicOf(topic) === name);
}
