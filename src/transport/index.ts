export type { Transaction } from "../shared/transaction.js";
export { acceptedUpdate } from "./accepted-update.js";
export { CursorCipher } from "./cursor.js";
export { History, type Retention } from "./history/history.js";
export {
  type HistoryLimits,
  type HistoryOptions,
  historyLimits,
  type TopicHistoryLength,
} from "./history/history-options.js";
export type { OnDrop } from "./history/on-drop.js";
export { NodesOfOne } from "./memory/nodes-of-one.js";
export type { Nodes } from "./nodes.js";
export { nextPosition, timeOfPosition } from "./positions.js";
export { isRepetition } from "./repetition.js";
export {
  type InternalOptions,
  maxControlBytes,
  type Replay,
  type ReplayQuery,
  type StoredUpdate,
  type TransactionalTransport,
  type Transport,
  type TransportListener,
  type TransportState,
} from "./transport.js";
