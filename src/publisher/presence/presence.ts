import type { Hub } from "../../hub/hub.js";
import type { SubscriptionChange } from "../../hub/streams/active-subscriptions.js";
import type { SubscriptionDocument } from "../../protocol/active-subscription.js";
import { topicOf } from "../../protocol/own-topics.js";
import type { Clock } from "../../shared/clock.js";
import { type Person, Room, type Visit } from "./room.js";
import { Throttle } from "./throttle.js";

/** The payload property that identifies a person, or a function that returns the identifier. */
export type PresenceKey = string | ((payload: unknown) => string | number | undefined);

/**
 * The min time between announcements of a topic, in milliseconds. Every open page fetches the people again at each
 * announcement.
 */
const announcementInterval = 1000;

/**
 * The min time until this node announces a change of another node's streams, in milliseconds. The other node has
 * usually announced it by then. The max is twice as long. The time is random, so that one node announces for the
 * others.
 */
const otherNodeDelay = 200;

/** The max memory of watched topics, in bytes. Visitors can make up the topics of the pages that they request. */
const maxWatchedBytes = 32 * 1024 * 1024;

/** The memory of a watched topic besides its name and its people, in bytes (measured, rounded up). */
const bytesPerTopic = 1024;

export interface PresenceOptions {
  readonly hub: {
    /** Returns the open streams of a topic. */
    subscriptions(topic: string): SubscriptionDocument[];
    readonly onSubscription: Hub["onSubscription"];
  };
  readonly clock: Clock;
  readonly key: PresenceKey;
  /** The time that a person stays listed after leaving, in seconds. */
  readonly grace: number;
  /** The time that a page may continue to request people after it was rendered, in seconds. */
  readonly lifetime: number;
  /** Announces a change of people to the pages of a topic. Called at most once a second for a topic. */
  announce(topic: string): void;
  /**
   * Calls the listener for each announcement by another node. Returns a function that removes it. Undefined if the hub
   * has only one node.
   */
  onAnnouncement?: ((topic: string, listener: () => void) => () => void) | undefined;
}

interface Watched {
  readonly room: Room;
  readonly announcements: Throttle;
  /** Stops listening for the announcements of other nodes. */
  readonly stop: (() => void) | undefined;
  readonly until: number;
}

/**
 * Tracks the people of topics by the streams of all nodes of the hub.
 *
 * A topic is watched from the first request for its people until the last page that can request them has expired. An
 * application without presence thus has no cost. A person who leaves stays listed for a grace period, so a reload emits
 * no presence event.
 */
export class Presence {
  readonly #options: PresenceOptions;
  /** The watched topics, the least recently requested first. */
  readonly #watched = new Map<string, Watched>();
  #watchedBytes = 0;
  readonly #stop: () => void;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#stop = options.hub.onSubscription((subscription, _isPrivate, change) => this.#onChange(subscription, change));
  }

  /** Returns the people of a topic, in the order of their arrival. Changes are announced from now on. */
  of(topic: string): Person[] {
    return this.watch(topic).people;
  }

  /**
   * Announces the changes of a topic from now on, until the lifetime of a page rendered now has passed. Evicts the
   * least recently requested topics when watched topics exceed the memory limit.
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

  close(): void {
    this.#stop();
    for (const topic of this.#watched.keys()) this.#forget(topic);
  }

  #open(topic: string): Omit<Watched, "until"> {
    const { clock, hub, announce } = this.#options;
    const announcements = new Throttle(clock, announcementInterval, () => announce(topic));
    let isOpen = false;
    const room = new Room(clock, (isLocal) => {
      if (isOpen) announcements.request(isLocal ? 0 : (1 + Math.random()) * otherNodeDelay);
    });
    for (const subscription of hub.subscriptions(topic)) room.enter(this.#visitOf(subscription), true);
    isOpen = true;
    this.#watchedBytes += bytesOf(topic);
    const stop = this.#options.onAnnouncement?.(topic, () => announcements.noteRun());
    return { room, announcements, stop };
  }

  #forget(topic: string): void {
    const { room, announcements, stop } = this.#watched.get(topic)!;
    stop?.();
    room.close();
    announcements.cancel();
    this.#watched.delete(topic);
    this.#watchedBytes -= bytesOf(topic);
  }

  #onChange(subscription: SubscriptionDocument, { isLocal, isDisconnected }: SubscriptionChange): void {
    const room = this.#watched.get(streamedTopic(subscription))?.room;
    if (room === undefined) return;
    const visit = this.#visitOf(subscription);
    // People whose streams are disconnected leave at once, because the application ends them on purpose.
    if (subscription.active) room.enter(visit, isLocal);
    else room.leave(visit, isDisconnected ? 0 : this.#options.grace * 1000, isLocal);
  }

  #visitOf({ subscriber, payload }: SubscriptionDocument): Visit {
    return { name: nameOf(payload, this.#options.key), subscriber, payload };
  }
}

function bytesOf(topic: string): number {
  return bytesPerTopic + 2 * topic.length;
}

/** Returns the topic that a subscription streams. Returns the empty string for a pattern. */
function streamedTopic({ topic, match, match_type: matchType }: SubscriptionDocument): string {
  return topicOf(topic ?? (matchType === "exact" ? match! : ""));
}

function nameOf(payload: unknown, key: PresenceKey): string | undefined {
  const value = typeof key === "function" ? key(payload) : named(payload, key);
  return (typeof value === "string" && value !== "") || typeof value === "number" ? String(value) : undefined;
}

/** Returns the property that identifies a person. A payload that is not an object is itself the identifier. */
function named(payload: unknown, key: string): unknown {
  if (typeof payload !== "object" || payload === null) return payload;
  return Object.hasOwn(payload, key) ? (payload as Record<string, unknown>)[key] : undefined;
}
