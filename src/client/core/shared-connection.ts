import { type ConnectionReceiver, interrupted, type Outcome, type Reading, type Wire } from "./connection.js";
import { FrameReader } from "./frame-reader.js";

/** The max streams of one connection, and their max bytes, as the server bounds them. */
const maxStreams = 128;
const maxBytes = 100 * 1024;
/** Refusals of the request as a whole that can pass. Others mean a server or a proxy that knows no shared connections. */
const passing = [401, 408, 425, 429];
/** The time without shared connections, in milliseconds, after a first request without an answer. */
const doubtTime = 600_000;
/** The time, in milliseconds, until a connection without a stream that has left replaces the last one. */
const leaveDelay = 100;
/** The min time, in milliseconds, between the signs of life that a stream gets from the bytes of the others. */
const heardInterval = 1_000;

interface Member {
  readonly reading: Reading;
  readonly receiver: ConnectionReceiver;
  /** The position of the reading. A new connection resumes from there. */
  cursor: string;
  leave(outcome: Outcome): void;
}

/**
 * Reads several streams over one connection. When a stream joins or leaves, a new connection replaces the last one, and
 * each stream resumes from its position. A single stream has a plain connection of its own.
 */
export class SharedConnection {
  readonly #url: string;
  readonly #wire: Wire;
  readonly #members = new Set<Member>();
  #attempt = new AbortController();
  /** The number of answers that the last requests wait for. */
  #opening = 0;
  #isScheduled = false;
  /** Whether streams have joined or left since the last requests. */
  #hasChanged = false;
  #hasAnswered = false;
  #refusedUntil = 0;

  /** @param url - The URL of the hub's shared connections. */
  constructor(url: string, wire: Wire) {
    this.#url = url;
    this.#wire = wire;
  }

  /** Reads a stream until its connection ends, as `readStream` does. */
  read(reading: Reading): Promise<Outcome> {
    return new Promise((resolve) => {
      if (Date.now() < this.#refusedUntil) return resolve(this.#wire[0](reading));
      const { signal } = reading;
      const abort = () => {
        member.leave(interrupted("aborted"));
        this.#hasChanged = true;
        // The ends of other streams may be on the way, and another stream often takes the place.
        setTimeout(() => this.#reconnect(), leaveDelay);
      };
      const member: Member = {
        reading,
        cursor: reading.cursor,
        receiver: followed(reading.receiver, (cursor) => {
          member.cursor = cursor ?? member.cursor;
          return member.cursor;
        }),
        leave: (outcome) => {
          signal.removeEventListener("abort", abort);
          this.#members.delete(member);
          if (this.#members.size === 0) this.#attempt.abort();
          resolve(outcome);
        },
      };
      if (signal.aborted) return resolve(interrupted("aborted"));
      signal.addEventListener("abort", abort);
      this.#members.add(member);
      this.#change();
    });
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

  /** Replaces the connection, unless a request for one is pending: streams that join meanwhile wait for its answer. */
  #reconnect(): void {
    if (!this.#hasChanged || this.#opening > 0) return;
    this.#hasChanged = false;
    this.#attempt.abort();
    this.#attempt = new AbortController();
    const { signal } = this.#attempt;
    for (const group of grouped(this.#members)) {
      this.#opening += 1;
      let isAnswered = false;
      const answered = () => {
        if (isAnswered) return;
        isAnswered = true;
        this.#opening -= 1;
        this.#reconnect();
      };
      for (const { receiver } of group) receiver.heard();
      const [member] = group as [Member];
      const work =
        group.length === 1 ? this.#readAlone(member, signal, answered) : this.#readAll(group, signal, answered);
      void work.finally(answered);
    }
  }

  async #readAll(group: Member[], signal: AbortSignal, answered: () => void): Promise<void> {
    const timeout = new AbortController();
    const cut = () => timeout.abort();
    signal.addEventListener("abort", cut);
    const timer = setTimeout(cut, Math.max(...group.map(({ reading }) => reading.timeout)));
    const end = (outcome: Outcome) => {
      if (!signal.aborted) for (const member of group) if (this.#members.has(member)) member.leave(outcome);
    };
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
        return this.#refuse(Number.POSITIVE_INFINITY);
      }
      const parts = group.map(
        (member) => new Part(member, this.#wire, () => !signal.aborted && this.#members.has(member)),
      );
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
          for (const member of group) if (this.#members.has(member)) member.receiver.heard();
        }
        frames.push(value);
      }
      end(interrupted("the connection ended"));
    } catch {
      // Some proxies hold back the answer to a POST until its end.
      if (timeout.signal.aborted && !signal.aborted && !this.#hasAnswered) this.#refuse(Date.now() + doubtTime);
      else end(interrupted("the connection was cut"));
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", cut);
    }
  }

  /** Gives each stream a connection of its own. */
  #refuse(until: number): void {
    this.#refusedUntil = until;
    this.#attempt.abort();
    for (const member of this.#members) {
      this.#members.delete(member);
      void this.#readAlone(member, member.reading.signal);
    }
  }

  async #readAlone(member: Member, signal: AbortSignal, answered = () => {}): Promise<void> {
    const { reading, cursor } = member;
    const receiver: ConnectionReceiver = {
      ...member.receiver,
      opened: (headers, origin) => {
        answered();
        if (!signal.aborted) member.receiver.opened(headers, origin);
      },
      event: (event) => {
        if (!signal.aborted) member.receiver.event(event);
      },
      lastEventId: (id) => {
        if (!signal.aborted) member.receiver.lastEventId(id);
      },
    };
    const outcome = await this.#wire[0]({ ...reading, cursor, receiver, signal });
    if (!signal.aborted) member.leave(outcome);
  }
}

/** One stream of a shared connection. */
class Part {
  readonly #member: Member;
  readonly #wire: Wire;
  readonly #isWanted: () => boolean;
  #parser: InstanceType<Wire[2]> | undefined;

  constructor(member: Member, wire: Wire, isWanted: () => boolean) {
    this.#member = member;
    this.#wire = wire;
    this.#isWanted = isWanted;
  }

  open(head: ResponseInit): void {
    if (!this.#isWanted()) return;
    const { leave, receiver, cursor } = this.#member;
    const response = new Response(null, head);
    const ending = this.#wire[1](response);
    if (ending) {
      leave(ending);
      return;
    }
    receiver.opened(response.headers, location.origin);
    this.#parser = new this.#wire[2](receiver, cursor);
  }

  push(bytes: Uint8Array): void {
    if (!this.#isWanted()) return;
    this.#member.receiver.heard();
    this.#parser?.push(bytes);
  }

  end(): void {
    if (this.#isWanted()) this.#member.leave({ kind: "completed", reason: "the server ended the stream" });
  }
}

/** Returns a receiver that also follows the position. A server that tells a gap has told where the stream continues. */
function followed(receiver: ConnectionReceiver, follow: (cursor?: string) => string): ConnectionReceiver {
  return {
    opened(headers, origin) {
      receiver.opened(headers, origin);
      const told = headers.get("Mercure-Last-Event-ID") ?? headers.get("Last-Event-ID");
      if (told?.startsWith("#")) follow(told);
    },
    heard: () => receiver.heard(),
    event: (event) => receiver.event(event),
    lastEventId(id) {
      follow(id);
      receiver.lastEventId(id);
    },
    retry: (milliseconds) => receiver.retry(milliseconds),
  };
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

function fieldsOf({ reading: { address }, cursor }: Member): [string, string][] {
  return [
    ["query", new URL(address.url).search.slice(1)],
    ["token", address.token ?? ""],
    ["position", cursor],
  ];
}
