import type { Clock } from "../../shared/clock.js";
import type { Transport } from "../../transport/transport.js";

/** Returns the clock of a transport's store: all nodes sign and check tokens by it. Its callbacks use the node's timers. */
export function storeClock(transport: Pick<Transport, "now">, clock: Clock): Clock {
  return {
    now: () => transport.now(),
    at: (time, callback) => clock.at(time - transport.now() + clock.now(), callback),
  };
}
