import { validateDraft } from "../../protocol/draft.js";
import type { Draft } from "../../protocol/update.js";

/** The version of a record. A relay leaves newer ones to newer relays, as during a rolling deployment. */
export const recordVersion = 1;

/** Returns the record of a draft: JSON in ASCII, which every character set of a database stores. */
export function recordOf(draft: Draft): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(draft).replace(/[^ -~]/g, escaped);
}

/**
 * Returns the draft of a record, without unknown properties.
 *
 * @throws SyntaxError if the text is not JSON, and the errors of `validateDraft`.
 */
export function draftOf(record: string): Draft {
  const { topics, data, private: isPrivate, id, type, retry, keep, key } = Object(JSON.parse(record)) as Draft;
  const given = Object.entries({ id, type, retry, keep, key }).filter(([, value]) => value !== undefined);
  const draft: Draft = { topics, data, private: isPrivate, ...Object.fromEntries(given) };
  validateDraft(draft);
  return draft;
}
