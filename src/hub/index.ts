export { Hub, type HubOptions, type StreamOptions } from "./hub.js";
