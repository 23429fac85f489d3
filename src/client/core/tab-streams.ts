import { type ConnectionReceiver, interrupted, type Outcome, type Reading } from "./connection.js";
import { isPageHidden } from "./page-visibility.js";
import type { SharedConnection } from "./shared-connection.js";
import type { StreamAddress } from "./stream-address.js";
import { StreamRelay } from "./stream-relay.js";

/** The max time until the leader answers, in milliseconds. A frozen one never does. */
const answerTimeout = 2_000;
/** The max random delay before a tab takes the lead, in milliseconds. Without it all tabs would take it at once. */
const maxTakeOverDelay = 300;

/** The time, in milliseconds, that a leader without streams of its own still reads for the others: their ends may be on the way. */
const leaveDelay = 1_000;

/** The number of ways that the streams of this page have begun. */
let turns = 0;

/** A message to all tabs. */
type Call =
  | { readonly kind: "leads"; readonly tab: string; readonly isHidden: boolean }
  /** Asks for the leader. A tab that has lost the lead asks, too. */
  | { readonly kind: "seek"; readonly tab: string }
  | {
      readonly kind: "read";
      /** The tab that must read. For a moment two tabs believe that they lead: one has not heard of its loss. */
      readonly leader: string;
      readonly tab: string;
      readonly id: string;
      readonly address: StreamAddress;
      readonly cursor: string;
      readonly timeout: number;
    }
  | { readonly kind: "leave"; readonly id: string };

/** A call of the receiver of a stream. A message of the leader to a tab has a list of them. */
type Answer = { readonly id: string } & (
  | { readonly kind: "accepted" }
  | { readonly kind: "opened"; readonly headers: [string, string][]; readonly origin: string }
  | { readonly kind: "heard" }
  | { readonly kind: "event"; readonly event: Parameters<ConnectionReceiver["event"]>[0] }
  | { readonly kind: "lastEventId"; readonly lastEventId: string }
  | { readonly kind: "retry"; readonly retry: number }
  | { readonly kind: "ended"; readonly outcome: Outcome }
);

/** A stream of this tab. */
interface OwnReading {
  readonly reading: Reading;
  readonly relay: StreamRelay;
  /** The last way of reading that was begun. Another leader is another way. */
  way: AbortController;
  /** The way that brings the events. It stays in use until the next one has opened. */
  openWay: AbortController | undefined;
  finish(outcome: Outcome): void;
}

/** A way through the leader. */
interface RemoteWay {
  readonly receiver: ConnectionReceiver;
  /** The max time until the leader opens the stream, in milliseconds. */
  readonly timeout: number;
  /** Waits for the leader's first answer, and then until it opens the stream. */
  timer: ReturnType<typeof setTimeout>;
  isOpen: boolean;
  ended(outcome: Outcome): void;
}

/**
 * Reads streams over one connection for all tabs of a viewer. The tab that holds a lock leads: it has the connection,
 * and passes messages on to the others. Each stream keeps its own position, so it resumes without a gap whenever
 * another tab leads. A tab without streams holds no lock and no channel, and can enter the back/forward cache.
 */
export class TabStreams {
  readonly #name: string;
  readonly #connection: SharedConnection;
  /**
   * The name of the present membership. A frozen leader waits for its lock and keeps it forever, so the next one has
   * another.
   */
  #tab = "";
  readonly #own = new Set<OwnReading>();
  /** The ways of this tab's streams through leaders. */
  readonly #remote = new Map<string, RemoteWay>();
  /** The streams of other tabs, for the leader. */
  readonly #others = new Map<string, { readonly tab: string; readonly way: AbortController }>();
  /** The channels to the other tabs, for the leader. */
  readonly #channels = new Map<string, BroadcastChannel>();
  #calls: BroadcastChannel | undefined;
  #answers: BroadcastChannel | undefined;
  /** Ends the present membership, and with it all locks. */
  #membership = new AbortController();
  /** Whether the tab waits for the end of the leader. */
  #isQueued = false;
  #isLeader = false;
  #leader: string | undefined;
  #isLeaderHidden = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Waits for the leader's answer to {@link #seek}. */
  #seekTimer: ReturnType<typeof setTimeout> | undefined;
  #leaveTimer: ReturnType<typeof setTimeout> | undefined;
  /** Whether the page is in the back/forward cache, or about to enter it. */
  #isGone = false;

  /** @param name - The name of the connection. Tabs with the same name share it. */
  constructor(name: string, connection: SharedConnection) {
    this.#name = `mercure ${name}`;
    this.#connection = connection;
    document.addEventListener("visibilitychange", () => {
      if (this.#isLeader) this.#lead();
      else this.#considerTakeOver();
    });
    // A page with locks or channels enters no back/forward cache.
    window.addEventListener("pagehide", () => {
      this.#isGone = true;
      if (this.#own.size === 0) this.#leave();
    });
    window.addEventListener("pageshow", () => {
      this.#isGone = false;
    });
    // A frozen tab can lead no others.
    document.addEventListener("freeze", () => this.#leave());
    document.addEventListener("resume", () => {
      if (this.#own.size > 0 && this.#calls === undefined) this.#join();
    });
  }

  /** Reads a stream until its connection ends, as `readStream` does. */
  read(reading: Reading): Promise<Outcome> {
    return new Promise((resolve) => {
      const { signal } = reading;
      if (signal.aborted) return resolve(interrupted("aborted"));
      const abort = () => own.finish(interrupted("aborted"));
      const own: OwnReading = {
        reading,
        relay: new StreamRelay(reading.receiver, reading.cursor),
        way: new AbortController(),
        openWay: undefined,
        finish: (outcome) => {
          signal.removeEventListener("abort", abort);
          this.#own.delete(own);
          endWays(own);
          if (this.#own.size === 0) this.#leaveSoon();
          resolve(outcome);
        },
      };
      signal.addEventListener("abort", abort);
      this.#own.add(own);
      if (this.#calls === undefined) this.#join();
      else this.#serve(own);
    });
  }

  #join(): void {
    this.#membership = new AbortController();
    this.#tab = crypto.randomUUID();
    this.#calls = new BroadcastChannel(this.#name);
    this.#calls.onmessage = ({ data }) => this.#hear(data);
    this.#answers = new BroadcastChannel(this.#tab);
    this.#answers.onmessage = ({ data }) => {
      for (const answer of data) this.#take(answer);
    };
    const missed = () => {
      this.#queue();
      if (this.#leader === undefined) this.#seek();
    };
    // The leader notices by the first lock that the tab is gone.
    this.#hold(this.#tab, {}, () => this.#hold(this.#name, { ifAvailable: true }, () => this.#lead(), missed));
  }

  /** Waits for the end of the leader. */
  #queue(): void {
    if (this.#isQueued) return;
    this.#isQueued = true;
    this.#hold(this.#name, {}, () => {
      this.#isQueued = false;
      this.#lead();
    });
  }

  /** Holds a lock until the membership ends, or until another tab takes it. */
  #hold(name: string, options: LockOptions, held: () => void, missed = () => {}): void {
    const { signal } = this.#membership;
    const conditions = options.ifAvailable || options.steal ? options : { signal };
    const lost = () => {
      if (signal.aborted) return;
      if (name === this.#name) this.#follow();
      // The browser denies locks, as it does where it blocks cookies. No other tab can lead this one.
      else this.#lead();
    };
    navigator.locks
      .request(name, conditions, (lock) => {
        if (signal.aborted) return undefined;
        if (lock === null) return missed();
        held();
        return new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => resolve());
        });
      })
      .catch(lost);
  }

  /** Leaves the others when a moment has passed, unless a stream joins meanwhile. */
  #leaveSoon(): void {
    const leave = () => {
      if (this.#own.size === 0) this.#leave();
    };
    clearTimeout(this.#leaveTimer);
    if (this.#isGone || this.#others.size === 0) leave();
    else this.#leaveTimer = setTimeout(leave, leaveDelay);
  }

  #leave(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#seekTimer);
    clearTimeout(this.#leaveTimer);
    this.#isQueued = false;
    for (const own of this.#own) endWays(own);
    this.#dropOthers();
    this.#calls?.close();
    this.#answers?.close();
    this.#calls = this.#answers = this.#leader = undefined;
    this.#isLeader = false;
    this.#membership.abort();
  }

  #lead(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#seekTimer);
    const isNew = !this.#isLeader;
    this.#isLeader = true;
    this.#connection.isRetired = false;
    this.#call({ kind: "leads", tab: this.#tab, isHidden: isPageHidden() });
    if (isNew) this.#serveAll();
  }

  /** Another tab has taken the lead. This tab reads each stream until the other tab has opened it. */
  #follow(): void {
    this.#isLeader = false;
    this.#connection.isRetired = true;
    this.#queue();
    this.#seek();
  }

  #seek(): void {
    this.#loseLeader();
    this.#call({ kind: "seek", tab: this.#tab });
  }

  /** Waits for the call of the next leader. A leader that is frozen never calls. */
  #loseLeader(): void {
    this.#leader = undefined;
    this.#isLeaderHidden = false;
    clearTimeout(this.#seekTimer);
    this.#seekTimer = setTimeout(() => this.#takeOver(), answerTimeout + Math.random() * maxTakeOverDelay);
    this.#serveAll();
  }

  #takeOver(): void {
    clearTimeout(this.#timer);
    const { signal } = this.#membership;
    if (this.#isLeader || signal.aborted) return;
    this.#hold(this.#name, { steal: true }, () => this.#lead());
  }

  #considerTakeOver(): void {
    if (this.#isLeader || this.#calls === undefined || isPageHidden() || !this.#isLeaderHidden) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!isPageHidden() && this.#isLeaderHidden) this.#takeOver();
    }, Math.random() * maxTakeOverDelay);
  }

  #dropOthers(): void {
    for (const { way } of this.#others.values()) way.abort();
    this.#others.clear();
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
  }

  #serveAll(): void {
    for (const own of this.#own) this.#serve(own);
  }

  /** Reads a stream of this tab, itself or through the leader. Without a leader, the stream keeps its open way. */
  #serve(own: OwnReading): void {
    if (own.way !== own.openWay) own.way.abort();
    const leader = this.#isLeader ? this.#tab : this.#leader;
    if (leader === undefined) return;
    const way = new AbortController();
    own.way = way;
    const { reading, relay } = own;
    const { cursor } = relay;
    // The last leader can ask the hub once more, after the next one. The number tells the hub which of them is the next.
    turns += 1;
    const address = { ...reading.address, url: `${reading.address.url}.${turns}` };
    const ended = (outcome: Outcome) => {
      if (own.way === way && !way.signal.aborted) own.finish(outcome);
    };
    const receiver = relay.next(
      () => !way.signal.aborted,
      () => {
        if (own.openWay !== way) own.openWay?.abort();
        own.openWay = way;
      },
    );
    if (leader === this.#tab) {
      void this.#connection.read({ ...reading, address, cursor, receiver, signal: way.signal }).then(ended);
      return;
    }
    const { timeout } = reading;
    const id = crypto.randomUUID();
    this.#call({ kind: "read", leader, tab: this.#tab, id, address, cursor, timeout });
    const timer = setTimeout(() => this.#takeOver(), answerTimeout + Math.random() * maxTakeOverDelay);
    const remote: RemoteWay = { receiver, timeout, timer, ended, isOpen: false };
    this.#remote.set(id, remote);
    way.signal.addEventListener("abort", () => {
      clearTimeout(remote.timer);
      this.#remote.delete(id);
      this.#call({ kind: "leave", id });
    });
  }

  #call(call: Call): void {
    this.#calls?.postMessage(call);
  }

  #hear(call: Call): void {
    if (call.kind === "leave") this.#others.get(call.id)?.way.abort();
    else if (this.#isLeader) {
      // A tab that has lost its lock learns that soon, and then asks for the leader.
      if (call.kind === "seek") this.#lead();
      else if (call.kind === "read" && call.leader === this.#tab) this.#readFor(call);
    } else if (call.kind === "leads") {
      clearTimeout(this.#seekTimer);
      const isNew = call.tab !== this.#leader;
      this.#isLeaderHidden = call.isHidden;
      this.#leader = call.tab;
      if (isNew) this.#serveAll();
      this.#considerTakeOver();
    } else if (call.kind === "seek" && call.tab === this.#leader) this.#loseLeader();
  }

  /** Reads a stream of another tab. */
  #readFor({ tab, id, address, cursor, timeout }: Extract<Call, { kind: "read" }>): void {
    let answers: Answer[] = [];
    // The events of a chunk go together with their positions, even when this tab ends in the middle.
    const post = (answer: Answer) => {
      if (answers.push(answer) > 1) return;
      queueMicrotask(() => {
        this.#channels.get(tab)?.postMessage(answers);
        answers = [];
      });
    };
    this.#meet(tab);
    const other = new AbortController();
    this.#others.set(id, { tab, way: other });
    post({ id, kind: "accepted" });
    const receiver: ConnectionReceiver = {
      opened: (headers, origin) => post({ id, kind: "opened", headers: [...headers], origin }),
      heard: () => post({ id, kind: "heard" }),
      event: (event) => post({ id, kind: "event", event }),
      lastEventId: (lastEventId) => post({ id, kind: "lastEventId", lastEventId }),
      retry: (retry) => post({ id, kind: "retry", retry }),
    };
    const reading = { address, cursor, origin: location.origin, receiver, signal: other.signal };
    void this.#connection.read({ ...reading, timeout }).then((outcome) => {
      if (!other.signal.aborted) post({ id, kind: "ended", outcome });
      this.#others.delete(id);
    });
  }

  /** Opens the channel to another tab, and ends the streams of the tab when it is gone. */
  #meet(tab: string): void {
    if (this.#channels.has(tab)) return;
    const channel = new BroadcastChannel(tab);
    this.#channels.set(tab, channel);
    navigator.locks
      .request(tab, { signal: this.#membership.signal }, () => {
        if (this.#channels.get(tab) !== channel) return;
        this.#channels.delete(tab);
        channel.close();
        for (const other of this.#others.values()) if (other.tab === tab) other.way.abort();
      })
      .catch(() => {});
  }

  #take(answer: Answer): void {
    const way = this.#remote.get(answer.id);
    if (way === undefined) return;
    const { receiver } = way;
    clearTimeout(way.timer);
    way.isOpen ||= answer.kind === "opened";
    // A leader that works tells of its own timeout before.
    if (!way.isOpen) way.timer = setTimeout(() => this.#takeOver(), way.timeout + answerTimeout);
    if (answer.kind === "opened") receiver.opened(new Headers(answer.headers), answer.origin);
    else if (answer.kind === "heard") receiver.heard();
    else if (answer.kind === "event") receiver.event(answer.event);
    else if (answer.kind === "lastEventId") receiver.lastEventId(answer.lastEventId);
    else if (answer.kind === "retry") receiver.retry(answer.retry);
    else if (answer.kind === "ended") way.ended(answer.outcome);
  }
}

function endWays({ way, openWay }: OwnReading): void {
  way.abort();
  openWay?.abort();
}
