/**
 * The environment variables of a role's key, in order of precedence. The first name of each is that of Mercure's own
 * hubs.
 */
export const keyVariables = {
  publisher: ["MERCURE_PUBLISHER_JWT_KEY", "MERCURE_PUBLISHER_SECRET_KEY"],
  subscriber: ["MERCURE_SUBSCRIBER_JWT_KEY", "MERCURE_SUBSCRIBER_SECRET_KEY"],
} as const;
