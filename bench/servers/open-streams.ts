// Opens streams and reads them. The arguments: the port of a hub, and the number of streams, 100 of a topic. Prints a line
// once all are open.

import { openStreams } from "../harness/open-streams.js";

const [, , port, count] = process.argv;
await openStreams(Number(port), Number(count));
console.log("All streams are open.");
