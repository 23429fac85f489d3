import type { Question } from "../harness/question.js";
import { oneTopic } from "./one-topic.js";
import { sixteenPublishers } from "./sixteen-publishers.js";

export const everyQuestion: readonly Question[] = [oneTopic, sixteenPublishers];
