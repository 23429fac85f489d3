import { clearance, type LogJoin, type Member } from "../../../src/transport/shared/shared-log.js";

/** The marks that a join can change. */
type JoinMarks = Pick<LogJoin, "last" | "lost" | "seen">;

/**
 * Returns the marks of a log after a node has joined, and what the node has missed (see `LogJoin`). A node whose newest
 * record is unknown to the log has heard updates that the log has lost. It raises the mark `lost`, so that the nodes
 * which will never hear these updates find out. A node that knows of a loss which the log has forgotten does the same.
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
  const before = log.last;
  // With its updates the log may have lost its marks.
  let lost = Math.max(log.lost, known.lost);
  let seen = Math.max(log.seen, known.seen);
  // The node has missed nothing if it has heard as much as the one that found the loss. Of a loss that it knows it was
  // told up to the mark of its last join.
  let missed = heard === seen ? 0 : known.seen === seen ? known.lost : lost;
  let found = known.lost > log.lost ? known.lost : 0;
  if (!knows && heard > seen) {
    found = heard;
    seen = heard;
    missed = 0;
  }
  // Other nodes have read the log to its end without these updates. The mark is beyond all that they have heard.
  if (found > 0) lost = Math.max(lost, found, before + 1);
  const last = Math.max(lost, head > before ? head + clearance : before);
  return { last, lost, seen, missed };
}
