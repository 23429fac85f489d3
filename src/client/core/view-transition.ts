/** The swaps that wait for the next view transition. */
let swaps: (() => void)[] = [];

/**
 * Runs a swap in a view transition. Swaps that come before the transition begins share it. With a transition each, they
 * would skip the one before, which the browser reports as an error.
 */
export function swapInTransition(swap: () => void): void {
  if (swaps.push(swap) > 1) return;
  const run = () => {
    const due = swaps;
    swaps = [];
    for (const each of due) each();
  };
  // The promise rejects when a later transition skips this one, or the page is hidden. The swap runs in every case.
  document.startViewTransition(run).ready.catch(() => {});
}
