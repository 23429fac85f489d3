/** The number of events that the page remembers. */
const capacity = 1000;

/** The events that the page has received, by stream and id, with their number. */
const numbers = new Map<string, number>();
let count = 0;

/** Returns the number of events so far. */
export function receivedCount(): number {
  return count;
}

/** Remembers an event. Returns its earlier number if the page has received it before. */
export function noteReceived(url: string, id: string): number | undefined {
  const key = `${url} ${id}`;
  const earlier = numbers.get(key);
  numbers.delete(key);
  numbers.set(key, ++count);
  if (numbers.size > capacity) numbers.delete(numbers.keys().next().value!);
  return earlier;
}
