import { MercureError } from "../../shared/errors.js";

/** The max number of topics in an update that this library's hubs accept over HTTP by default. */
const maxRemoteTopics = 100;

/**
 * Returns the topics of the updates that carry one publish to a hub in another process.
 *
 * @param names - The topics by their names.
 * @param variants - The topics of each variant. A list stays in one update, so that no stream receives two.
 * @param id - The id of the update, if the application chose one.
 * @throws MercureError `ERR_UPDATE` for an id, if the topics do not fit into one update.
 */
export function remoteParts(
  names: readonly string[],
  variants: readonly (readonly string[])[],
  id: string | undefined,
): readonly (readonly string[])[] {
  const parts: string[][] = [];
  for (const list of [names, ...variants]) {
    const last = parts.at(-1);
    if (last === undefined || last.length + list.length > maxRemoteTopics) parts.push([...list]);
    else last.push(...list);
  }
  if (parts.length === 1 || id === undefined) return parts;
  const count = names.length * (variants.length + 1);
  throw new MercureError(
    "ERR_UPDATE",
    `The update has ${count} topics with those of its variants. Hubs accept ${maxRemoteTopics} in one update, and ` +
      "several updates cannot have one id: remove the option id, or publish for fewer variants.",
  );
}
