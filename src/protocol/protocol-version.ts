/** The versions of Mercure: 0.x, spoken by deployed hubs, and 1.0. */
export type ProtocolVersion = 0 | 1;
