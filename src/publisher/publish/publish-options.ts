export interface PublishOptions {
  /** Whether only subscribers whose token grants a topic receive the update. Default false. */
  private?: boolean | undefined;
  /** The event's type; true means the topic. Default: none, or the topic with the option `typeIsTopic`. */
  type?: string | boolean | undefined;
  /**
   * The update's id. The same id with the same content is a retry, and is published once; with other content it is
   * another update. Default: the hub makes one.
   */
  id?: string | undefined;
  /** The reconnection time for clients, in milliseconds. Default: the client's own. */
  retry?: number | undefined;
  /** Variants to publish for besides those that this process knows to be streamed. Default none. */
  variants?: readonly unknown[] | undefined;
  /** The publisher's token for a remote hub. Default: the option `publisherJwt`, else one made for these topics. */
  jwt?: string | undefined;
  /** Another hub to publish to, over HTTP. Default: the option `hubUrl` of the kit, else the hub in this process. */
  hubUrl?: string | undefined;
}

export const publishOptions: readonly string[] = [
  "private",
  "type",
  "id",
  "retry",
  "variants",
  "jwt",
  "hubUrl",
] satisfies (keyof PublishOptions)[];
