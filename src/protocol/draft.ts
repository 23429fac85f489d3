import { MercureError } from "../shared/errors.js";
import { forbiddenCharacter } from "./characters.js";
import { closeEvent } from "./event-types.js";
import type { Draft } from "./update.js";

/** The path of the topics of subscription events, below the hub's. */
const subscriptionsBelow = "/subscriptions";

/** The default path of the hub's URL. Mercure "Discovery" prescribes it. */
export const defaultHubPath = "/.well-known/mercure";

/**
 * Checks a publisher's draft against the rules of both versions of Mercure, section "Publication". A draft that
 * passes is valid for a hub of either version. The messages are written for the publisher.
 *
 * @param hubPath - The path of the hub's URL. Topics at this path or below it belong to the hub.
 * @throws MercureError `ERR_TOPIC` without a topic, `ERR_DATA` for data that is not a string, else `ERR_UPDATE`.
 */
export function validateDraft(draft: Draft, hubPath: string = defaultHubPath): void {
  if (!Array.isArray(draft.topics) || draft.topics.length === 0) {
    throw new MercureError("ERR_TOPIC", "An update must have at least one topic.");
  }
  for (const topic of draft.topics) validateTopic(topic, hubPath);
  if (typeof draft.data !== "string") throw new MercureError("ERR_DATA", "The data of an update must be a string.");
  if (typeof draft.private !== "boolean") throw refusal("`private` of an update must be true or false.");
  if (draft.id !== undefined) validateId(draft.id);
  if (draft.type !== undefined) validateType(draft.type);
  if (draft.retry !== undefined) validateRetry(draft.retry);
  if (draft.keep !== undefined || draft.key !== undefined) validateRetention(draft);
}

function validateRetention({ keep, key, id }: Draft): void {
  if (keep !== undefined && typeof keep !== "boolean") {
    throw refusal("The field keep of an update must be true or false.");
  }
  if (key !== undefined && (typeof key !== "string" || key === "")) {
    throw refusal("The key of an update must be a non-empty string; leave it out to keep every update.");
  }
  if (keep !== false) return;
  // Clients resume after an id, and history cannot find one that it does not hold.
  if (id !== undefined) throw refusal("An update with keep: false must not have an id; the hub generates one.");
  if (key !== undefined) throw refusal("An update with keep: false must not have a key, because history skips it.");
}

function validateTopic(topic: unknown, hubPath: string): void {
  if (typeof topic !== "string" || topic === "") {
    throw new MercureError("ERR_TOPIC", "Every topic of an update must be a non-empty string.");
  }
  if (topic === "*") throw refusal('The topic "*" is reserved for subscribing to all topics; publish to a name.');
  validateCharacters("topic", topic);
  if (reservedPath(topic, hubPath) !== undefined) throw refusal(reserved(topic, hubPath));
}

function validateId(id: unknown): void {
  if (typeof id !== "string" || id === "") {
    throw refusal("The id of an update must be a non-empty string. Leave it out for an id from the hub.");
  }
  if (id.startsWith("#"))
    throw refusal('The id of an update must not start with "#", which is reserved for ids from hubs.');
  if (id === "earliest") throw refusal('The id "earliest" is reserved: it requests the whole history.');
  validateCharacters("id", id);
}

function validateType(type: unknown): void {
  if (typeof type !== "string" || type === "") {
    throw refusal("The type of an update must be a non-empty string. Leave it out for `message`.");
  }
  if (type === "mercure") throw refusal('The type "mercure" is reserved for updates from hubs.');
  if (type === closeEvent) throw refusal(`The type "${closeEvent}" is reserved for hubs: it ends a stream.`);
  validateCharacters("type", type);
}

function validateRetry(retry: unknown): void {
  if (Number.isSafeInteger(retry) && (retry as number) >= 0) return;
  throw refusal("The retry of an update must be a whole number of milliseconds, min 0.");
}

function validateCharacters(field: string, value: string): void {
  const character = forbiddenCharacter(value);
  if (character === undefined) return;
  throw refusal(`The ${field} of an update must not contain ${character}, a control or format character.`);
}

/**
 * Returns the path of a topic that, resolved against the hub's URL, names the hub or a path below it; undefined for any
 * other topic. Such topics would let a publisher forge the hub's own updates. Any scheme and authority count, as do
 * percent-encoded and relative spellings.
 *
 * @param length - The number of characters of the path that matter.
 *
 * Mercure 1.0 "Publication", field `topic`.
 */
function reservedPath(topic: string, hubPath: string, length = hubPath.length + 1): string | undefined {
  if (isElsewhere(topic, hubPath)) return undefined;
  // `http:mercure` is relative to a hub URL that begins with http: and absolute for one that begins with https:.
  const schemes = /^\s*https?:/i.test(topic) ? ["https", "http"] : ["https"];
  // The rest of a long path decides nothing: each character of the beginning has at most three encoded.
  return schemes
    .map((scheme) => pathOf(topic, `${scheme}://hub.invalid${hubPath}`)?.slice(0, 3 * length))
    .map((path) => path?.replace(/%[0-9a-f]{2}/gi, decodeUnreserved))
    .find((path) => path === hubPath || path?.startsWith(`${hubPath}/`));
}

/**
 * Checks that updates can come on a topic of a stream: from a publisher, or from the hub itself on the topic of a
 * subscription.
 *
 * @throws MercureError `ERR_TOPIC` for a topic that no publisher can use.
 */
export function assertPublishable(topic: string, hubPath: string): void {
  const subscriptions = hubPath + subscriptionsBelow;
  const path = reservedPath(topic, hubPath, subscriptions.length);
  if (path === undefined || path.startsWith(subscriptions)) return;
  throw new MercureError("ERR_TOPIC", reserved(topic, hubPath));
}

function reserved(topic: string, hubPath: string): string {
  return (
    `The topic ${JSON.stringify(topic)} is reserved: resolved against the hub's URL it is ${hubPath} or below it. Begin ` +
    "it with another segment, as in topics/…."
  );
}

function pathOf(topic: string, hubUrl: string): string | undefined {
  try {
    // `URL.canParse` first would parse the topic twice, and long topics take long.
    return new URL(topic, hubUrl).pathname;
  } catch {
    return undefined;
  }
}

/**
 * Returns whether a topic is certainly not at a path, so that most topics need no resolving. These characters stay as
 * they are in a URL, so a topic at the path must contain the path's last segment.
 */
function isElsewhere(topic: string, path: string): boolean {
  return /^[\w./~-]+$/.test(topic) && !topic.includes(path.slice(path.lastIndexOf("/") + 1));
}

/**
 * Decodes a percent-encoded unreserved character. Decoding any other character would change the path's meaning. RFC
 * 3986, section 2.3.
 */
function decodeUnreserved(encoded: string): string {
  const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
  return /[\w.~-]/.test(character) ? character : encoded;
}

function refusal(message: string): MercureError {
  return new MercureError("ERR_UPDATE", message);
}
