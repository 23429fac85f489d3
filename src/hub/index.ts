export { Hub, type StreamOptions } from "./hub.js";
export type { HubOptions } from "./options.js";
export type { UpdatesOptions } from "./update-reader.js";
