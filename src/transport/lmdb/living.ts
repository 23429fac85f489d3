import { readFileSync } from "node:fs";

/** A process, with its start: another process can get the same number later. */
export interface ProcessMark {
  readonly pid: number;
  /** The start of the machine and of the process; empty if the system does not tell it. */
  readonly started: string;
}

export function thisProcess(): ProcessMark {
  return { pid: process.pid, started: startOf(process.pid) ?? "" };
}

/** Whether a process still runs. */
export function isAlive({ pid, started }: ProcessMark): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Another user's process cannot be signalled, but it runs.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return started === "" || started === (startOf(pid) ?? started);
}

/** Returns the start of a process, if the system has Linux's `/proc`. */
function startOf(pid: number): string | undefined {
  try {
    const machine = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the program's name, which can contain spaces and brackets. The 22nd is the start.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return `${machine} ${fields[19]}`;
  } catch {
    return undefined;
  }
}
