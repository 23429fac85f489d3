import type { Question } from "../harness/question.js";
import { burst } from "./burst.js";
import { connectionRate } from "./connection-rate.js";
import { durableHistory } from "./durable-history.js";
import { idleMemory } from "./idle-memory.js";
import { nineThousand } from "./nine-thousand.js";
import { nodeSubscriptions } from "./node-subscriptions.js";
import { oneTopic } from "./one-topic.js";
import { pathologicalPatterns } from "./pathological-patterns.js";
import { renderAndPublish } from "./render-and-publish.js";
import { replay } from "./replay.js";
import { serverBack } from "./server-back.js";
import { severalNodes } from "./several-nodes.js";
import { sixteenPublishers } from "./sixteen-publishers.js";
import { stalled } from "./stalled.js";
import { tenThousandTopics } from "./ten-thousand-topics.js";
import { urlPatterns } from "./url-patterns.js";
import { workers } from "./workers.js";
import { worstStreams } from "./worst-streams.js";

export const everyQuestion: readonly Question[] = [
  oneTopic,
  sixteenPublishers,
  nineThousand,
  tenThousandTopics,
  urlPatterns,
  pathologicalPatterns,
  connectionRate,
  idleMemory,
  renderAndPublish,
  replay,
  durableHistory,
  severalNodes,
  nodeSubscriptions,
  workers,
  stalled,
  worstStreams,
  serverBack,
  burst,
];
