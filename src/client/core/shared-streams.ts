import { interrupted, type Outcome, type Reading, type Wire, wire } from "./connection.js";

/** The script of shared connections. Only the server provides it. */
interface Shared {
  read(meta: HTMLMetaElement, reading: Reading, element: Element | undefined, ...wire: Wire): Promise<Outcome>;
}

/**
 * Reads a stream over a shared connection, by a script that the page's server names. Without that script the stream has
 * a connection of its own.
 */
export async function readShared(reading: Reading, element: Element | undefined): Promise<Outcome> {
  const meta = document.querySelector<HTMLMetaElement>("[name=mercure-shared]");
  const script = meta && import(/* webpackIgnore: true */ /* @vite-ignore */ meta.dataset.script!);
  const { signal, timeout } = reading;
  const late = new Promise((resolve) => {
    signal.addEventListener("abort", resolve);
    setTimeout(resolve, timeout);
  });
  const shared = (await (script && Promise.race([script.catch(() => {}), late]))) as Shared | undefined;
  if (signal.aborted) return interrupted("aborted");
  return shared ? shared.read(meta!, reading, element, ...wire) : wire[0](reading);
}
