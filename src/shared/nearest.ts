/** The max number of names in a hint. */
const maxNames = 3;

/** Returns the names nearest to a misspelt one, best first. */
function nearest(name: string, candidates: Iterable<string>): string[] {
  const wanted = name.toLowerCase();
  const reach = Math.max(2, Math.floor(name.length / 2));
  return [...candidates]
    .map((candidate) => ({ candidate, distance: editDistance(wanted, candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= reach)
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, maxNames)
    .map(({ candidate }) => candidate);
}

/** Returns `Did you mean "a" or "b"?` with a leading space, or the empty string when no name is near. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const names = nearest(name, candidates).map((candidate) => `"${candidate}"`);
  return names.length === 0 ? "" : ` Did you mean ${names.join(" or ")}?`;
}

/** Returns the number of letters to add, drop or change to turn one word into the other. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
