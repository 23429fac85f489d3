import { percentDecode, percentEncode } from "./percent-encode.js";

/** How the names of topics begin that are the kit's own; each holds the names that it is made of, percent-encoded. */
const prefix = "urn:htmx-mercure:";

/** The type of the updates that tell that other people are there than before. */
export const presenceEvent = "mercure:presence";

/** Where it is told that other people stream a topic than before. */
export function presenceTopic(topic: string): string {
  return `${prefix}presence:${percentEncode(topic)}`;
}

/** Whether a name is of a topic of the kit's own, which nobody else may stream or publish to. */
export function isOwnTopic(name: string): boolean {
  return name.startsWith(prefix);
}

/** Which streams of a variant: all, or those that also receive private updates. */
export type Audience = "variant" | "private-variant";

/** Where what is rendered for one variant of a topic is published, for the streams of just this variant. */
export function variantTopic(topic: string, variant: string, audience: Audience): string {
  return `${prefix}${audience}:${percentEncode(topic)}:${percentEncode(variant)}`;
}

/** What a name of {@link variantTopic} is made of; undefined for any other name. */
export function variantOf(name: string): { topic: string; variant: string; audience: Audience } | undefined {
  if (!isOwnTopic(name)) return undefined;
  const [audience, ...encoded] = name.slice(prefix.length).split(":");
  if (audience !== "variant" && audience !== "private-variant") return undefined;
  const [topic, variant] = encoded.map(percentDecode);
  return topic === undefined || variant === undefined ? undefined : { topic, variant, audience };
}

/** The topic of which a name is a variant, or the name itself. */
export function topicOf(name: string): string {
  return variantOf(name)?.topic ?? name;
}

/** The topic that a name is about, by which the application knows it: whose variant it is, or who of it is told. */
export function applicationTopic(name: string): string {
  const [, encoded] = new RegExp(`^${prefix}presence:([^:]+)$`).exec(name) ?? [];
  return (encoded === undefined ? undefined : percentDecode(encoded)) ?? topicOf(name);
}
