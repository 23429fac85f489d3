import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A small file system in memory, which really fills. */
export class SmallDisk {
  readonly path: string;

  /** @param path - An empty folder. */
  constructor(path: string, megabytes: number) {
    this.path = path;
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path], { stdio: "pipe" });
  }

  /** Takes all its room, or gives it back. */
  setFull(isFull: boolean): void {
    if (!isFull) rmSync(this.#filler);
    else {
      const block = Buffer.alloc(64 * 1024);
      try {
        for (;;) appendFileSync(this.#filler, block);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
    }
  }

  remove(): void {
    execFileSync("umount", ["--lazy", this.path]);
  }

  get #filler(): string {
    return join(this.path, "filler");
  }
}

/** The reason to skip what needs a file system of its own; false where one can be mounted. */
export const withoutMount = mountFails() && "this user cannot mount a file system";

function mountFails(): boolean {
  const path = mkdtempSync(join(tmpdir(), "mount-"));
  try {
    new SmallDisk(path, 1).remove();
    return false;
  } catch {
    return true;
  } finally {
    rmSync(path, { recursive: true });
  }
}
