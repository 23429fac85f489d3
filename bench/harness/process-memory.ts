import { readFileSync } from "node:fs";

/** Returns the resident memory of processes in bytes. Linux has pages of 4 KiB here. */
export function residentMemory(pids: readonly number[]): number {
  const pages = pids.map((pid) => Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]));
  return pages.reduce((sum, count) => sum + count, 0) * 4096;
}
