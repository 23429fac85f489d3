/** The default capacity of a history: updates of each topic, and bytes of all updates. */
export const historyDefaults = { length: 500, bytes: 64 * 1024 * 1024 } as const;
