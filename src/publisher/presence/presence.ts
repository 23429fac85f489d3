import type { Hub } from "../../hub/hub.js";
import type { SubscriptionDocument } from "../../protocol/active-subscription.js";
import { topicOf } from "../../protocol/own-topics.js";
import type { Clock } from "../../shared/clock.js";
import { type Person, Room, type Visit } from "./room.js";
import { Throttle } from "./throttle.js";

/** By which property of a payload somebody is recognised, or what finds it out. */
export type PresenceKey = string | ((payload: unknown) => string | number | undefined);

/** Every open page of a topic fetches its people again at each announcement, in milliseconds. */
const announcementInterval = 1000;

/** How much memory watched topics may take, in bytes: visitors can make up the topics that pages are rendered for. */
const maxWatchedBytes = 32 * 1024 * 1024;

/** What a watched topic takes besides its name and its people, in bytes (measured, rounded up). */
const bytesPerTopic = 1024;

export interface PresenceOptions {
  readonly hub: {
    /** The open streams of a topic. */
    subscriptions(topic: string): SubscriptionDocument[];
    readonly onSubscription: Hub["onSubscription"];
  };
  readonly clock: Clock;
  readonly key: PresenceKey;
  /** For how long somebody who has left is still there, in seconds. */
  readonly grace: number;
  /** For how long a page may go on asking who is there once it was rendered, in seconds. */
  readonly lifetime: number;
  /** Tells the pages of a topic that its people have changed. Called at most once a second for a topic. */
  announce(topic: string): void;
}

interface Watched {
  readonly room: Room;
  readonly announcements: Throttle;
  readonly until: number;
}

/**
 * Knows the people of topics by the streams of this process.
 *
 * A topic is watched from when somebody asks for its people until no page can be asking any more, so that an application
 * without presence pays nothing for it. A person who leaves counts for a grace period, and so a reload changes nothing.
 */
export class Presence {
  readonly #options: PresenceOptions;
  /** The topic that was asked for longest ago comes first. */
  readonly #watched = new Map<string, Watched>();
  #watchedBytes = 0;
  readonly #stop: () => void;
  #grace: number;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#grace = options.grace * 1000;
    this.#stop = options.hub.onSubscription((subscription) => this.#hear(subscription));
  }

  /** The people of a topic, in the order in which they came. Changes are announced from now on. */
  of(topic: string): Person[] {
    return this.watch(topic).people;
  }

  /**
   * Announces the changes of a topic from now on, for as long as a page that is rendered now may listen. When watched
   * topics take too much memory, the one that was asked for longest ago is forgotten.
   */
  watch(topic: string): Room {
    const { clock, lifetime } = this.#options;
    const now = clock.now();
    const watched = this.#watched.get(topic) ?? this.#open(topic);
    this.#watched.delete(topic);
    this.#watched.set(topic, { ...watched, until: now + lifetime * 1000 });
    for (const [oldest, { until }] of this.#watched) {
      if (until > now && this.#watchedBytes <= maxWatchedBytes) break;
      this.#forget(oldest);
    }
    return watched.room;
  }

  /** Whoever leaves meanwhile does so on purpose, and is gone at once. */
  withoutGrace<T>(work: () => T): T {
    const grace = this.#grace;
    this.#grace = 0;
    try {
      return work();
    } finally {
      this.#grace = grace;
    }
  }

  close(): void {
    this.#stop();
    for (const topic of this.#watched.keys()) this.#forget(topic);
  }

  #open(topic: string): Omit<Watched, "until"> {
    const { clock, hub, announce } = this.#options;
    const announcements = new Throttle(clock, announcementInterval, () => announce(topic));
    let isOpen = false;
    const room = new Room(clock, () => {
      if (isOpen) announcements.request();
    });
    for (const subscription of hub.subscriptions(topic)) room.enter(this.#visitOf(subscription));
    isOpen = true;
    this.#watchedBytes += bytesOf(topic);
    return { room, announcements };
  }

  #forget(topic: string): void {
    const { room, announcements } = this.#watched.get(topic)!;
    room.close();
    announcements.cancel();
    this.#watched.delete(topic);
    this.#watchedBytes -= bytesOf(topic);
  }

  #hear(subscription: SubscriptionDocument): void {
    const room = this.#watched.get(streamedTopic(subscription))?.room;
    if (room === undefined) return;
    const visit = this.#visitOf(subscription);
    if (subscription.active) room.enter(visit);
    else room.leave(visit, this.#grace);
  }

  #visitOf({ subscriber, payload }: SubscriptionDocument): Visit {
    return { name: nameOf(payload, this.#options.key), subscriber, payload };
  }
}

function bytesOf(topic: string): number {
  return bytesPerTopic + 2 * topic.length;
}

/** Empty for a pattern, which is no topic. */
function streamedTopic({ topic, match, match_type: matchType }: SubscriptionDocument): string {
  return topicOf(topic ?? (matchType === "exact" ? match! : ""));
}

function nameOf(payload: unknown, key: PresenceKey): string | undefined {
  const value = typeof key === "function" ? key(payload) : named(payload, key);
  return (typeof value === "string" && value !== "") || typeof value === "number" ? String(value) : undefined;
}

/** A payload that is a name itself names its bearer. */
function named(payload: unknown, key: string): unknown {
  if (typeof payload !== "object" || payload === null) return payload;
  return Object.hasOwn(payload, key) ? (payload as Record<string, unknown>)[key] : undefined;
}
