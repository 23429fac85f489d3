import { closeSync, fstatSync, openSync, readSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { MercureError } from "../../shared/errors.js";

/** LMDB's mark at the beginning of each of the two pages that describe the file. */
const magic = 0xbeefc0de;

/** The offsets of fields in such a page, in bytes (`MDB_page` and `MDB_meta`). */
const magicAt = 24;
const pageSizeAt = 48;
const rootsAt = [88, 136];
const lastPageAt = 144;
const transactionAt = 152;
const descriptionLength = 160;

/** The number of pages at the end that LMDB can have reserved without ever writing them. */
const maxUnwrittenPages = 8;

/** The free space that a new history needs, in bytes. */
const minFreeBytes = 1024 * 1024;

/**
 * Checks a folder's data file before LMDB opens it. LMDB maps the file into memory, and a file that ends too early
 * would end the process by a signal.
 *
 * @throws MercureError `ERR_OPTION` for a damaged file or the file of another program, `ERR_TRANSPORT` if the disk is
 * too full for a new file.
 */
export function checkDataFile(folder: string): void {
  const path = join(folder, "data.mdb");
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    checkRoom(folder);
    return;
  }
  try {
    if (fstatSync(file).size > 0) checkPages(file, path);
  } finally {
    closeSync(file);
  }
}

/** A new history needs room for its first pages and for the file of locks, which LMDB maps too. */
function checkRoom(folder: string): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= minFreeBytes) return;
  throw new MercureError("ERR_TRANSPORT", `Cannot create a history in ${folder}: the disk is full. Free some space.`);
}

function checkPages(file: number, path: string): void {
  const first = readDescription(file, 0);
  if (first === undefined) {
    throw new MercureError(
      "ERR_OPTION",
      `The file ${path} is not a history of htmx-mercure, or it is damaged. Choose another folder, or move the file away: the hub then starts without a history.`,
    );
  }
  const second = readDescription(file, first.pageSize);
  const { roots, lastPage, pageSize } = second && second.transaction > first.transaction ? second : first;
  // The size is read last: other processes write, and LMDB writes the pages of a transaction before it describes them.
  const pages = Math.floor(fstatSync(file).size / pageSize);
  if (lastPage < pages + maxUnwrittenPages && roots.every((page) => page < pages)) return;
  throw new MercureError(
    "ERR_OPTION",
    `The file ${path} is damaged: it ends after ${pages} of ${lastPage + 1} pages. Restore a backup, or move the file away: the hub then starts without a history.`,
  );
}

/** Returns the fields of a page that describes the file, or undefined if it is not such a page. */
function readDescription(file: number, offset: number) {
  const bytes = Buffer.alloc(descriptionLength);
  if (readSync(file, bytes, 0, bytes.length, offset) < bytes.length) return undefined;
  if (bytes.readUInt32LE(magicAt) !== magic) return undefined;
  const number = (at: number) => Number(bytes.readBigUInt64LE(at));
  // The root of an empty tree has the highest number.
  const roots = rootsAt.map(number).filter((page) => page < Number.MAX_SAFE_INTEGER);
  const pageSize = bytes.readUInt32LE(pageSizeAt);
  return { pageSize, roots, lastPage: number(lastPageAt), transaction: number(transactionAt) };
}
