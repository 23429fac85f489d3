/** The place of the tokens of private streams: the URLs in the markup, or cookies that scripts cannot read. */
export type TokenMode = "url" | "cookie";
