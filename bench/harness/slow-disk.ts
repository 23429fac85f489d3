import { writeFileSync } from "node:fs";
import { compiled } from "./compiled.js";

/**
 * Returns the environment of a program with a slow disk, as in clouds.
 *
 * @param file - Holds the delay; see {@link setDelay}.
 */
export function slowDisk(file: string): { LD_PRELOAD: string; SLOW_DISK: string } {
  return { LD_PRELOAD: compiled("slow-disk.c", ["-O2", "-Wall", "-shared", "-fPIC", "-ldl"]), SLOW_DISK: file };
}

/** Delays each later write to the disk by a number of milliseconds. */
export function setDelay(file: string, milliseconds: number): void {
  writeFileSync(file, String(milliseconds * 1000));
}
