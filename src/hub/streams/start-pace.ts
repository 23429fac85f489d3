import type { Pace } from "../../protocol/matching/work.js";
import { HttpProblem } from "../../protocol/problem.js";
import { boundedPace } from "../pacer.js";

/** The max work to start a stream: to compile its patterns, and to match its topics with those of its token. */
const maxStepsToStart = 50_000_000;

/** Returns a pace for the work that a client can cause before its stream starts. */
export function startPace(): Pace {
  return boundedPace(maxStepsToStart, () => {
    const detail = "The topics and the token's patterns take too much work. Subscribe to fewer topics.";
    return new HttpProblem(400, detail);
  });
}
