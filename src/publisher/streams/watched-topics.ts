import { watchedTopic } from "../../protocol/active-subscription.js";
import { nameOf } from "../../protocol/carried-name.js";
import { applicationTopic } from "../../protocol/own-topics.js";

/**
 * Returns the application's topics among those streamed, by the application's names. Topics of the hub or the library are
 * replaced by the topics that they are about.
 *
 * @param hubPath - The path prefix of the hub's own topics.
 */
export function watchedTopics(hubPath: string, topics: readonly string[]): string[] {
  const watched = topics.map((topic) => watchedTopic(hubPath, topic) ?? applicationTopic(topic));
  return [...new Set(watched.map(nameOf))];
}
