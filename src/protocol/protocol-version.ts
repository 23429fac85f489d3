/** The generations of Mercure: 0.x, in which deployed hubs speak, and 1.0. */
export type Generation = 0 | 1;
