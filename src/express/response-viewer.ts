import type { Response } from "express";
import type { JwtOptions } from "../publisher/streams/handmade-tokens.js";
import type { Viewer } from "../publisher/streams/viewer.js";
import type { ResponsePages } from "./response-pages.js";

/** The payload and the subject of a viewer, for a token. */
export type ViewerIdentity = Pick<JwtOptions, "payload" | "subject">;

/** Identifies the viewers of responses, wherever their tokens are made. */
export class ResponseViewer {
  readonly #viewer: Viewer;
  readonly #responsePages: ResponsePages;

  constructor(viewer: Viewer, responsePages: ResponsePages) {
    this.#viewer = viewer;
    this.#responsePages = responsePages;
  }

  /** Returns the identity of a response's viewer, for a token of these topics. */
  of(response: Response, topics: readonly string[]): ViewerIdentity {
    return this.#responsePages.within(response, () => ({
      payload: this.#viewer.payloadOf(topics),
      subject: this.#viewer.subjectOf(),
    }));
  }
}
