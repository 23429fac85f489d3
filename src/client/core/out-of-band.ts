/** Matches elements that htmx swaps out of band: into the element that each names, and not into the target. */
export const outOfBand = "[hx-swap-oob], [data-hx-swap-oob]";
