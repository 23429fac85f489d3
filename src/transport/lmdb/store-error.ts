import { statfsSync } from "node:fs";
import { MercureError } from "../../shared/errors.js";

/** A disk with less free space counts as full, in bytes. */
const minFreeBytes = 256 * 1024;

/** Returns the error for publishers when a commit has failed. */
export function storeError(cause: unknown, path: string): MercureError {
  const reason = isFull(cause, path)
    ? "the disk is full. Free some space"
    : `${(cause as Error).message}. The disk may be full or damaged`;
  const message = `Cannot write to the history in ${path}: ${reason}; the hub retries by itself.`;
  return new MercureError("ERR_TRANSPORT", message, { cause });
}

/**
 * Returns the cause of a failed commit. LMDB also rejects a second promise with it, which no caller gets. This function
 * handles it, because an unhandled rejection would end the process.
 */
export async function causeOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<never> };
  if (commitError === undefined) return error;
  return commitError.then(
    () => error,
    (cause: unknown) => cause,
  );
}

/**
 * Returns whether the disk is full. On a full disk LMDB reports the first failure as an input or output error, so the
 * file system decides.
 */
function isFull(cause: unknown, path: string): boolean {
  if (/no space|file too large|quota/i.test((cause as Error).message)) return true;
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize < minFreeBytes;
  } catch {
    return false;
  }
}
