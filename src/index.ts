export type { Kit } from "./express/kit.js";
export { mercure } from "./express/mercure.js";
export type {
  Authorize,
  AuthorizeAction,
  EmbeddedHubOptions,
  MercureOptions,
  PresenceKey,
  TokenMode,
} from "./express/options.js";
export type { Sse } from "./express/sse.js";
export type { OobOptions } from "./nunjucks/html.js";
export type { SafeString } from "./nunjucks/safe-string.js";
export { TemplateError } from "./nunjucks/template-error.js";
export type { SubscriptionDocument } from "./protocol/active-subscription.js";
export type { TopicMatcher } from "./protocol/matching/topic-matcher.js";
export { encodeEvent, type ServerSentEvent } from "./protocol/sse/event-encoder.js";
export type { Update } from "./protocol/update.js";
export type { PayloadFilter } from "./publisher/presence/payload-filter.js";
export type { Person } from "./publisher/presence/room.js";
export type { ModelClass, ModelDeclaration } from "./publisher/publish/models.js";
export type { PublishOptions } from "./publisher/publish/publish-options.js";
export type { SignalOptions, SignalPublication } from "./publisher/publish/signals.js";
export type { Topic, Topics } from "./publisher/publish/topics.js";
export type { DisconnectOptions, VariantRenderer } from "./publisher/publisher.js";
export type { JwtOptions } from "./publisher/streams/stream-access.js";
export { type ErrorCode, errorCodes, MercureError } from "./shared/errors.js";
export type { Logger } from "./shared/logger.js";
