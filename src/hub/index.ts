export type { DisconnectTarget } from "../protocol/disconnection.js";
export type { IssuerOptions } from "./auth/issuers.js";
export type { HubState } from "./closing.js";
export { Hub } from "./hub.js";
export type { HubObserver } from "./observer.js";
export type { CloseOptions } from "./options/close-options.js";
export type { HubOptions } from "./options/hub-options.js";
export type { StreamOptions } from "./streams/stream-options.js";
export type { Updates, UpdatesOptions } from "./streams/update-reader.js";
