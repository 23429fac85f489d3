import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, loadavg, release } from "node:os";

/** Describes the machine of a run, because figures of different machines cannot be compared. */
export function machine(): Record<string, unknown> {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model,
    cores: availableParallelism(),
    linux: release(),
    node: process.version,
    commit: execFileSync("git", ["describe", "--always", "--dirty"], { encoding: "utf8" }).trim(),
    load: loadavg()[0],
  };
}

/** @throws Error if this process and its children cannot open as many files as the questions need. */
export function checkOpenFiles(min: number): void {
  const limit = execFileSync("sh", ["-c", "ulimit -n"], { encoding: "utf8" }).trim();
  if (limit === "unlimited" || Number(limit) >= min) return;
  throw new Error(`The benchmarks open up to ${min} files at a time, and ${limit} are allowed: ulimit -n ${min}`);
}
