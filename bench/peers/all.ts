import { bare } from "./bare.js";
import { betterSse } from "./better-sse.js";
import { floor, floorOfTurns } from "./floor.js";
import { embedded, kit } from "./kit.js";
import { mercure0, mercure1 } from "./mercure.js";
import { nchan } from "./nchan.js";

/** Every peer, ours first. */
export const everyPeer = [kit, embedded, floor, floorOfTurns, bare, betterSse, nchan, mercure0, mercure1];
