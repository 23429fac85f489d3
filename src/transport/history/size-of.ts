import type { Update } from "../../protocol/update.js";

/** Memory of an update besides its strings, and of each of its topics (measured, rounded up). */
const bytesPerUpdate = 512;
const bytesPerTopic = 512;

/** Returns the max memory of an update in a history of topics, in bytes. */
export function sizeOf(update: Update): number {
  return bytesPerUpdate + update.topics.length * bytesPerTopic + bytesOfText(update);
}

/** Returns the max memory of an update in a plain log, in bytes. */
export function sizeInLog(update: Update): number {
  return bytesPerUpdate + bytesOfText(update);
}

function bytesOfText({ topics, data, id, type = "" }: Update): number {
  let units = data.length + id.length + type.length;
  for (const topic of topics) units += topic.length;
  // JavaScript strings take one or two bytes for each unit.
  return 2 * units;
}
