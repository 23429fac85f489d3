import { type ConnectionReceiver, interrupted, type Outcome, type Reading, type Wire } from "./connection.js";
import { FrameReader } from "./frame-reader.js";
import { StreamRelay } from "./stream-relay.js";

/** The max streams of one connection, and their max bytes, as the server bounds them. */
const maxStreams = 128;
const maxBytes = 100 * 1024;
/** Refusals of the request as a whole that can pass. Others suggest a server or a proxy without shared connections. */
const passing = [401, 408, 425, 429];
/** The number of other refusals in a row that streams bear if they have shared a connection before, as in a deployment. */
const maxRefusals = 3;
/** The time without shared connections after a refusal, in milliseconds. It doubles with each further one. */
const refusedTime = 30_000;
const maxRefusedTime = 3_600_000;
/** The time without shared connections, in milliseconds, after a first request without an answer. */
const doubtTime = 600_000;
/** The time, in milliseconds, until a connection without a stream that has left replaces the last one. */
const leaveDelay = 100;
/** The time, in milliseconds, that the hub has to hear of the end of all connections before the streams ask again. */
const restartDelay = 1_000;
/** The min time, in milliseconds, between the signs of life that a stream gets from the bytes of the others. */
const heardInterval = 1_000;

interface Member {
  readonly reading: Reading;
  readonly relay: StreamRelay;
  leave(outcome: Outcome): void;
}

/** The requests for all streams at one time. */
interface Attempt {
  readonly abort: AbortController;
  /** The streams that have not opened yet. */
  readonly waiting: Set<Member>;
}

/**
 * Reads several streams over one connection. When a stream joins or leaves, a new connection replaces the last one: each
 * stream resumes there from its position, and the last connection ends when all have opened. A single stream has a plain
 * connection of its own.
 */
export class SharedConnection {
  readonly #url: string;
  readonly #wire: Wire;
  readonly #members = new Set<Member>();
  /** The open requests, the oldest first. */
  readonly #attempts = new Set<Attempt>();
  /** The number of answers that the last requests wait for. */
  #opening = 0;
  #isScheduled = false;
  /** Whether streams have joined or left since the last requests. */
  #hasChanged = false;
  #hasAnswered = false;
  /** Whether the last requests replace others that have failed. */
  #isRetry = false;
  /** The number of refusals in a row. Before the first answer with streams, one refusal is enough. */
  #refusals = maxRefusals - 1;
  /** The time until streams that join have connections of their own, on the clock of `performance.now`. */
  #refusedUntil = 0;
  /** The streams that have connections of their own, with the ends of these. */
  readonly #apart = new Map<Member, AbortController>();
  #shareTimer: ReturnType<typeof setTimeout> | undefined;
  /** Whether another tab leads. All streams are then about to leave, and the connection does not change for each of them. */
  isRetired = false;

  /** @param url - The URL of the hub's shared connections. */
  constructor(url: string, wire: Wire) {
    this.#url = url;
    this.#wire = wire;
  }

  /** Reads a stream until its connection ends, as `readStream` does. */
  read(reading: Reading): Promise<Outcome> {
    return new Promise((resolve) => {
      const { signal } = reading;
      const abort = () => {
        member.leave(interrupted("aborted"));
        // The ends of other streams may be on the way. A stream that joins meanwhile brings a connection without this one.
        const last = this.#last;
        setTimeout(() => {
          if (this.#last !== last) return;
          this.#hasChanged = true;
          this.#reconnect();
        }, leaveDelay);
      };
      const member: Member = {
        reading,
        relay: new StreamRelay(reading.receiver, reading.cursor),
        leave: (outcome) => {
          signal.removeEventListener("abort", abort);
          this.#members.delete(member);
          this.#apart.get(member)?.abort();
          this.#apart.delete(member);
          for (const attempt of this.#attempts) this.#settle(attempt, member);
          if (this.#members.size === 0) this.#endAll();
          resolve(outcome);
        },
      };
      if (signal.aborted) return resolve(interrupted("aborted"));
      signal.addEventListener("abort", abort);
      if (performance.now() < this.#refusedUntil) return this.#readApart(member);
      this.#members.add(member);
      this.#change();
    });
  }

  /** The newest of the open requests. */
  get #last(): Attempt | undefined {
    return [...this.#attempts].at(-1);
  }

  #change(): void {
    this.#hasChanged = true;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#reconnect();
    });
  }

  /** Opens a new connection after a time. Streams that join meanwhile wait for it. */
  #retry(delay: number): void {
    this.#opening += 1;
    setTimeout(() => {
      this.#opening -= 1;
      this.#hasChanged = true;
      this.#reconnect();
    }, delay);
  }

  /**
   * Replaces the connection, unless one is on its way: streams that join meanwhile wait for its answer. A tab that no
   * longer leads must not replace it, because the new connection would take the place of the leader's.
   */
  #reconnect(): void {
    if (!this.#hasChanged || this.#opening > 0 || this.#members.size === 0 || this.isRetired) return;
    this.#hasChanged = false;
    const attempt: Attempt = { abort: new AbortController(), waiting: new Set(this.#members) };
    this.#attempts.add(attempt);
    const works = grouped(this.#members).map((group) => {
      this.#opening += 1;
      let isAnswered = false;
      const answered = () => {
        if (isAnswered) return;
        isAnswered = true;
        this.#opening -= 1;
        this.#reconnect();
      };
      for (const { reading } of group) reading.receiver.heard();
      const [member] = group as [Member];
      const work =
        group.length === 1 ? this.#readAlone(member, attempt, answered) : this.#readAll(group, attempt, answered);
      return work.finally(answered);
    });
    void Promise.all(works).then(() => this.#attempts.delete(attempt));
  }

  /** Notes that a stream has opened or left. The connections before end when no other stream needs them. */
  #settle(attempt: Attempt, member: Member): void {
    attempt.waiting.delete(member);
    if (attempt.waiting.size > 0 || !this.#attempts.has(attempt)) return;
    this.#isRetry = false;
    for (const older of this.#attempts) {
      if (older === attempt) return;
      this.#end(older);
    }
  }

  #endAll(): void {
    for (const attempt of this.#attempts) this.#end(attempt);
  }

  #end(attempt: Attempt): void {
    this.#attempts.delete(attempt);
    attempt.abort.abort();
  }

  /**
   * Notes the end of a stream's connection. The end of an earlier connection does not matter. If the last connection
   * fails while earlier ones are still open, all streams request another. The earlier connections can cause a second
   * failure, as at a limit of the hub, so they end before the next request.
   */
  #ended(attempt: Attempt, member: Member, outcome: Outcome): void {
    if (this.#last !== attempt || !this.#members.has(member)) return;
    if (outcome.kind !== "interrupted" || this.#attempts.size === 1) {
      member.leave(outcome);
      return;
    }
    if (this.#isRetry) this.#endAll();
    else this.#end(attempt);
    this.#retry(this.#isRetry ? restartDelay : leaveDelay);
    this.#isRetry = true;
  }

  async #readAll(group: Member[], attempt: Attempt, answered: () => void): Promise<void> {
    const { signal } = attempt.abort;
    const timeout = new AbortController();
    const cut = () => timeout.abort();
    signal.addEventListener("abort", cut);
    const timer = setTimeout(cut, Math.max(...group.map(({ reading }) => reading.timeout)));
    const end = (outcome: Outcome) => {
      for (const member of group) this.#ended(attempt, member, outcome);
    };
    const parts = group.map((member) => {
      const ended = (outcome: Outcome) => this.#ended(attempt, member, outcome);
      return new Part(member.relay.cursor, this.#receiver(attempt, member), this.#wire, ended);
    });
    try {
      const body = new URLSearchParams(group.flatMap(fieldsOf));
      const response = await fetch(this.#url, { method: "POST", body, cache: "no-store", signal: timeout.signal });
      clearTimeout(timer);
      this.#hasAnswered = true;
      answered();
      if (signal.aborted) return;
      const refusal = this.#wire[1](response);
      if (refusal) {
        void response.body?.cancel();
        if (response.status < 400 || response.status > 499 || passing.includes(response.status)) {
          return end(refusal.kind === "interrupted" ? refusal : interrupted(refusal.reason));
        }
        return this.#refused(() => end(interrupted(refusal.reason)));
      }
      this.#refusals = 0;
      this.#share();
      const frames = new FrameReader({
        head: (number, head) => parts[number]?.open(head),
        bytes: (number, bytes) => parts[number]?.push(bytes),
        end: (number) => parts[number]?.end(),
      });
      const reader = response.body!.getReader();
      let heardAt = Number.NEGATIVE_INFINITY;
      for (;;) {
        const { value, done } = await reader.read();
        if (done || signal.aborted) break;
        // A long event of one stream keeps the comments of the others waiting.
        const now = Date.now();
        if (now - heardAt >= heardInterval) {
          heardAt = now;
          for (const part of parts) part.receiver.heard();
        }
        frames.push(value);
      }
      end(interrupted("the connection ended"));
    } catch {
      // Some proxies hold back the answer to a POST until its end.
      if (timeout.signal.aborted && !signal.aborted && !this.#hasAnswered) this.#part(doubtTime);
      else end(interrupted("the connection was cut"));
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", cut);
    }
  }

  /** Notes a refusal. Streams that have shared a connection before ask again, and the others share later. */
  #refused(askAgain: () => void): void {
    this.#refusals += 1;
    if (this.#refusals < maxRefusals) {
      askAgain();
      return;
    }
    const time = Math.min(maxRefusedTime, refusedTime * 2 ** (this.#refusals - maxRefusals));
    this.#part(time);
    clearTimeout(this.#shareTimer);
    this.#shareTimer = setTimeout(() => this.#share(), time);
  }

  /** Gives each stream a connection of its own, for a time in milliseconds. */
  #part(time: number): void {
    this.#refusedUntil = performance.now() + time;
    this.#endAll();
    for (const member of this.#members) this.#readApart(member);
  }

  #readApart(member: Member): void {
    const { reading, relay, leave } = member;
    const apart = new AbortController();
    this.#members.delete(member);
    this.#apart.set(member, apart);
    const receiver = relay.next(() => !apart.signal.aborted);
    void this.#wire[0]({ ...reading, cursor: relay.cursor, receiver, signal: apart.signal }).then((outcome) => {
      if (apart.signal.aborted) return;
      // The server may be another one when it is back.
      if (outcome.kind === "interrupted" && this.#shareTimer !== undefined) this.#refusedUntil = 0;
      leave(outcome);
    });
  }

  /**
   * Lets the streams share a connection again. Their own ones end before: over HTTP/1.1 they can be all that the browser
   * opens.
   */
  #share(): void {
    clearTimeout(this.#shareTimer);
    this.#shareTimer = undefined;
    if (this.isRetired) return;
    this.#refusedUntil = 0;
    for (const [member, apart] of this.#apart) {
      apart.abort();
      this.#members.add(member);
      this.#change();
    }
    this.#apart.clear();
  }

  async #readAlone(member: Member, attempt: Attempt, answered: () => void): Promise<void> {
    const { reading, relay } = member;
    const { signal } = attempt.abort;
    const receiver = this.#receiver(attempt, member);
    const opened: ConnectionReceiver["opened"] = (headers, origin) => {
      receiver.opened(headers, origin);
      answered();
    };
    const alone = { ...reading, cursor: relay.cursor, receiver: { ...receiver, opened }, signal };
    this.#ended(attempt, member, await this.#wire[0](alone));
  }

  /** Returns the receiver of a stream on the connections of an attempt. */
  #receiver(attempt: Attempt, member: Member): ConnectionReceiver {
    const isWanted = () => !attempt.abort.signal.aborted && this.#members.has(member);
    return member.relay.next(isWanted, () => this.#settle(attempt, member));
  }
}

/** One stream of a shared connection. */
class Part {
  readonly receiver: ConnectionReceiver;
  readonly #cursor: string;
  readonly #wire: Wire;
  readonly #ended: (outcome: Outcome) => void;
  #parser: InstanceType<Wire[2]> | undefined;

  /** @param cursor - The position that the stream begins at. */
  constructor(cursor: string, receiver: ConnectionReceiver, wire: Wire, ended: (outcome: Outcome) => void) {
    this.receiver = receiver;
    this.#cursor = cursor;
    this.#wire = wire;
    this.#ended = ended;
  }

  open(head: ResponseInit): void {
    const response = new Response(null, head);
    const ending = this.#wire[1](response);
    if (ending) {
      this.#ended(ending);
      return;
    }
    this.receiver.opened(response.headers, location.origin);
    this.#parser = new this.#wire[2](this.receiver, this.#cursor);
  }

  push(bytes: Uint8Array): void {
    this.receiver.heard();
    this.#parser?.push(bytes);
  }

  end(): void {
    this.#ended({ kind: "completed", reason: "the server ended the stream" });
  }
}

/** Divides streams into as many connections as the server's bounds need. */
function grouped(members: Iterable<Member>): Member[][] {
  const groups: Member[][] = [];
  let bytes = 0;
  for (const member of members) {
    const size = new URLSearchParams(fieldsOf(member)).toString().length;
    bytes += size;
    const group = groups.at(-1);
    if (group && group.length < maxStreams && bytes <= maxBytes) group.push(member);
    else {
      groups.push([member]);
      bytes = size;
    }
  }
  return groups;
}

function fieldsOf({ reading: { address }, relay: { cursor } }: Member): [string, string][] {
  return [
    ["query", new URL(address.url).search.slice(1)],
    ["token", address.token ?? ""],
    ["position", cursor],
  ];
}
