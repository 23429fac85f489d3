import { isMainThread } from "node:worker_threads";

let commits = 0;
let isGuarded = false;

/**
 * Runs a commit, and lets the process end during it. A thread of lmdb writes a commit and waits for this thread, while
 * `process.exit` waits for all threads: the process would hang forever, and hold the lock of the folder. It therefore
 * ends by SIGKILL, which a history survives at any instant.
 */
export async function guardExit(commit: () => Promise<unknown>): Promise<void> {
  if (!isGuarded && isMainThread) process.on("exit", endAtOnce);
  isGuarded = true;
  commits++;
  try {
    await commit();
  } finally {
    commits--;
  }
}

function endAtOnce(): void {
  if (commits > 0) process.kill(process.pid, "SIGKILL");
}
