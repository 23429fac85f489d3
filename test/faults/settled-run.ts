import type { Heard, NodeRecord, RunRecord } from "./checker.js";

/** A gap, and the newest update that the node had heard when it was told of it. */
export type GapOfRun = NodeRecord["gaps"][number] & { readonly heard?: number };

/** A node of a run whose log can lose updates. */
export interface NodeOfRun {
  readonly record: Omit<NodeRecord, "gaps"> & { readonly gaps: readonly GapOfRun[] };
  /** The updates that it read before it listened. */
  readonly before: readonly Heard[];
  /** Whether it was killed. */
  readonly isDead: boolean;
}

/**
 * The positions of records that a node had sent again, and that the log has deleted or lost. A node tells no update
 * twice, but a node that had not read a repeat when it disappeared cannot know that it was one.
 */
export interface GoneRepeats {
  /** A gap can end at the newest of them. */
  readonly deleted: readonly number[];
  /** A gap can end here or later, because the log tells of its loss by a mark beyond all positions. */
  readonly lost: readonly number[];
}

/**
 * Returns the record of a run whose log can lose updates that are not acknowledged, in the form that the checker takes.
 * Such an update gets another place when its publisher sends it again.
 */
export function settledRun(
  { sent, acknowledged }: Pick<RunRecord, "sent" | "acknowledged">,
  nodes: readonly NodeOfRun[],
  repeats: GoneRepeats = { deleted: [], lost: [] },
): RunRecord {
  const isAcknowledged = new Set(acknowledged);
  const living = nodes.filter(({ isDead }) => !isDead);
  const known = new Set(living.flatMap(({ record }) => record.heard.map(({ data }) => data)));
  const counts = ({ data }: Heard): boolean => isAcknowledged.has(data) || known.has(data);
  const places = lastPlaces(nodes.flatMap(({ record }) => record.heard).filter(counts));
  const last = new Set(places.values());
  const all = nodes.flatMap(({ before, record }) => [...before, ...record.heard]);
  const lost = all.map(({ position }) => position).filter((each) => !last.has(each));
  return {
    sent,
    acknowledged,
    nodes: nodes.map(({ record, before, isDead }) => {
      // The log may have lost what the node had read before it listened.
      const kept = before.filter(({ data }) => places.get(data)! > record.from);
      return settled({ record, before: kept, isDead }, places, lost, repeats);
    }),
  };
}

/** Returns the last place of each update. The log can lose an update that only some nodes have heard: it has another then. */
function lastPlaces(heard: readonly Heard[]): Map<string, number> {
  const places = new Map<string, number>();
  for (const { data, position } of heard) places.set(data, Math.max(position, places.get(data) ?? 0));
  return places;
}

/**
 * Returns a record with each update at its last place, and without updates that only the dead have heard and nobody has
 * got acknowledged. A node that has heard an update at a lost place must not hear it again. A node can be told of a gap
 * for a lost place or a repeat that is gone, because at that time it was behind.
 */
function settled(
  { record, before, isDead }: NodeOfRun,
  places: ReadonlyMap<string, number>,
  lost: readonly number[],
  repeats: GoneRepeats,
): NodeRecord {
  const { from, heard: raw } = record;
  const heard = [...before, ...raw]
    .filter(({ data }) => places.has(data))
    .map(({ data }) => ({ data, position: places.get(data)! }))
    .filter(({ position }) => !isDead || position <= record.to);
  const isMissing = (positions: Iterable<number>, through: number, known: readonly Heard[]): boolean => {
    const knownPositions = new Set(known.map(({ position }) => position));
    return [...positions].some((each) => each > from && each <= through && !knownPositions.has(each));
  };
  const gaps = record.gaps.filter(({ through, heard: newest = through }) => {
    if (isMissing(places.values(), through, heard)) return true;
    const isOfRepeats =
      (through > newest && repeats.deleted.includes(through)) ||
      repeats.lost.some((position) => position > newest && position <= through);
    return !isOfRepeats && !isMissing([...lost, ...places.values()], through, raw);
  });
  // The order of the calls counts where the log has lost nothing.
  if (lost.length > 0) heard.sort((a, b) => a.position - b.position);
  return { ...record, heard, gaps, to: Math.max(record.to, heard.at(-1)?.position ?? 0) };
}
