/** The versions of Mercure: 0 for 0.x, the version of deployed hubs, and 1 for 1.0. */
export type ProtocolVersion = 0 | 1;
