import { clearance, type LogJoin, type Member } from "../../../src/transport/shared/shared-log.js";

/** The marks that a join can change. */
type JoinMarks = Pick<LogJoin, "last" | "lost" | "seen">;

/**
 * Returns the marks of a log after a node has joined, and what the node has missed (see `LogJoin`). A node whose newest
 * record is unknown to the log has heard updates that the log has lost. It raises the mark `lost`, so that the nodes
 * which will never hear these updates find out.
 *
 * Redis and PostgreSQL do the same in scripts (`transport/redis/scripts.ts`, `transport/postgres/schema-statements.ts`).
 *
 * @param knows - Whether the record `heard` exists, or is not newer than the newest deleted one. True if `heard` is 0.
 */
export function marksAfterJoin(
  log: JoinMarks,
  { head, heard, marks: known }: Member,
  knows: boolean,
): JoinMarks & { readonly missed: number } {
  // With its updates the log may have lost its marks.
  const marks = { last: log.last, lost: Math.max(log.lost, known.lost), seen: Math.max(log.seen, known.seen) };
  const last = head > marks.last ? head + clearance : marks.last;
  // A node that has heard as much as the one that found the loss has missed nothing.
  if (knows || heard <= marks.seen) {
    return { ...marks, last, missed: heard === marks.seen ? 0 : marks.lost };
  }
  if (heard > marks.last) return { last, lost: heard, seen: heard, missed: 0 };
  // Others have moved on without these updates. All that they have heard until now has a gap, so the mark is beyond it.
  const lost = marks.last + 1;
  return { last: Math.max(last, lost), lost, seen: heard, missed: 0 };
}
