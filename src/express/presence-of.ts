import { randomUUID } from "node:crypto";
import type { Hub } from "../hub/hub.js";
import { presenceEvent, presenceTopic } from "../protocol/own-topics.js";
import type { PresenceKey } from "../publisher/presence/presence.js";
import { Presence, type PresenceOptions } from "../publisher/presence/presence.js";
import type { Clock } from "../shared/clock.js";
import { onRejection } from "../shared/on-rejection.js";
import type { Configuration } from "./configuration.js";

interface PresenceServices extends Pick<PresenceOptions["hub"], "subscriptions"> {
  readonly clock: Clock;
  onError(message: string, error: unknown): void;
}

/**
 * Creates the presence of the hub in this process. It derives from the hub's streams, and the hub announces changes.
 */
export function presenceOf(
  hub: Hub,
  { presenceKey, presenceGrace, tokenLifetime }: Configuration,
  { clock, subscriptions, onError }: PresenceServices,
): Presence {
  const own = new Set<string>();
  return new Presence({
    hub: {
      subscriptions,
      onSubscription: (listener) => hub.onSubscription(listener),
    },
    clock,
    key: guardedKey(presenceKey, (error) => onError("the option presenceKey failed", error)),
    grace: presenceGrace,
    lifetime: tokenLifetime,
    announce: (topic) => {
      const id = hub.isShared ? { id: `urn:uuid:${randomUUID()}` } : {};
      if (id.id !== undefined) own.add(id.id);
      const draft = { topics: [presenceTopic(topic)], type: presenceEvent, data: "", private: true, ...id };
      hub.publish(draft).catch((error) => onError("publishing a presence change failed", error));
    },
    onAnnouncement: hub.isShared ? (topic, listener) => followOthers(hub, topic, own, listener) : undefined,
  });
}

/** @param own - The ids of this node's announcements that it has not received back yet. */
function followOthers(hub: Hub, topic: string, own: Set<string>, listener: () => void): () => void {
  const updates = hub.updates(presenceTopic(topic));
  const follow = async () => {
    for await (const { id } of updates) if (!own.delete(id)) listener();
  };
  // A reader that is too slow has missed announcements, and this node may then repeat one.
  follow().catch(() => {});
  return () => void updates.return?.();
}

/**
 * Wraps a presence key function. If it throws, the stream counts as a separate person, and other streams are
 * unaffected.
 */
function guardedKey(key: PresenceKey, onError: (error: unknown) => void): PresenceKey {
  if (typeof key !== "function") return key;
  return (payload) => {
    try {
      const name = key(payload);
      onRejection(name, onError);
      return name;
    } catch (error) {
      onError(error);
      return undefined;
    }
  };
}
