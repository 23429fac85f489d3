import { percentDecode, percentEncode } from "./percent-encode.js";

/** The prefix of the library's own topics. The names that a topic is built from follow it, percent-encoded. */
const prefix = "urn:htmx-mercure:";

/** The type of the updates that announce a presence change. */
export const presenceEvent = "mercure:presence";

/** Returns the topic of a topic's presence changes. */
export function presenceTopic(topic: string): string {
  return `${prefix}presence:${percentEncode(topic)}`;
}

/** Returns whether a name is one of the library's own topics. Others must not subscribe or publish to these. */
export function isInternalTopic(name: string): boolean {
  return name.startsWith(prefix);
}

/** The streams of a variant: all of them, or only those that also receive private updates. */
export type VariantKind = "variant" | "private-variant";

/** Returns the topic for updates rendered for one variant of a topic. Only streams of this variant receive it. */
export function variantTopic(topic: string, variant: string, kind: VariantKind): string {
  return `${prefix}${kind}:${percentEncode(topic)}:${percentEncode(variant)}`;
}

/** Returns the parts of a name that {@link variantTopic} built; undefined for any other name. */
export function variantOf(name: string): { topic: string; variant: string; kind: VariantKind } | undefined {
  if (!isInternalTopic(name)) return undefined;
  const [kind, ...encoded] = name.slice(prefix.length).split(":");
  if (kind !== "variant" && kind !== "private-variant") return undefined;
  const [topic, variant] = encoded.map(percentDecode);
  return topic === undefined || variant === undefined ? undefined : { topic, variant, kind };
}

/** Returns the topic that a variant's name belongs to. Any other name is returned unchanged. */
export function topicOf(name: string): string {
  return variantOf(name)?.topic ?? name;
}

/** Returns the application's topic behind a name: the topic of a variant, or the topic of a presence change. */
export function applicationTopic(name: string): string {
  const [, encoded] = new RegExp(`^${prefix}presence:([^:]+)$`).exec(name) ?? [];
  return (encoded === undefined ? undefined : percentDecode(encoded)) ?? topicOf(name);
}
