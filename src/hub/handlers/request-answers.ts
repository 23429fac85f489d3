import type { IncomingMessage, ServerResponse } from "node:http";
import { type HttpProblem, problemOf, refusalOf, storeUnavailable } from "../../protocol/problem.js";
import type { Transport } from "../../transport/transport.js";
import { type Dispatcher, hubClosed } from "../fan-out/dispatcher.js";
import { hasBegun, responseBegun } from "../http/begun-response.js";
import type { Cors } from "../http/cors.js";
import type { HubRequest, HubResponse } from "../http/messages.js";
import { admitsRequest } from "../streams/pipelining.js";
import type { Router } from "./router.js";

/** Express's `next`: calls the next handler or, with an error, the error handlers. */
export type Next = (error?: unknown) => void;

interface RequestAnswersOptions {
  readonly cors: Cors;
  readonly router: Router;
  readonly transport: Transport;
  readonly dispatcher: Dispatcher;
  /** Receives internal failures. */
  report(error: unknown): void;
  /** Called for each refused request. */
  onRefusal(request: HubRequest, refusal: HttpProblem): void;
}

/** Runs the handlers of requests, and answers their errors. */
export class RequestAnswers {
  readonly #options: RequestAnswersOptions;

  constructor(options: RequestAnswersOptions) {
    this.#options = options;
  }

  /** Answers a request to the hub's URL. */
  handle(req: HubRequest, res: HubResponse, next: Next | undefined): void {
    this.answer(req, res, next, (request, response) => this.#options.router.route(request, response));
  }

  /** Runs a handler, and answers its errors with a problem document. */
  answer(
    req: HubRequest,
    res: HubResponse,
    next: Next | undefined,
    answer: (req: IncomingMessage, res: ServerResponse) => Promise<void>,
  ): void {
    // The hub uses only the part of HTTP/1's API that the compatibility API of HTTP/2 has too.
    const request = req as IncomingMessage;
    const response = res as ServerResponse;
    const refuse = (error: unknown) => this.#refuse(request, response, error, next);
    if (hasBegun(response)) {
      this.#giveUp(response, responseBegun("The hub"), next);
      return;
    }
    if (!admitsRequest(request, response)) return;
    const { cors } = this.#options;
    cors.apply(request, response);
    if (cors.answerPreflight(request, response)) return;
    const error = this.#unavailable();
    if (error !== undefined) refuse(error);
    else
      answer(request, response)
        .catch(refuse)
        .catch((error: unknown) => this.#giveUp(response, error, next));
  }

  /** Returns the error for all requests while the hub cannot answer; undefined otherwise. */
  #unavailable(): unknown {
    const { dispatcher, transport } = this.#options;
    if (dispatcher.closed || transport.state === "closed") return hubClosed();
    // A stream that begins now would be told of a gap, and a token could be checked without the messages that revoke it.
    return transport.state === "starting" ? storeUnavailable() : undefined;
  }

  #refuse(req: IncomingMessage, res: ServerResponse, error: unknown, next: Next | undefined): void {
    // Other code can answer in the meantime, for example a request timeout.
    if (hasBegun(res)) {
      this.#giveUp(res, error, next);
      return;
    }
    const { status, headers, body } = problemOf(error, this.#options.router.metadataUrl?.href);
    if (status === 500 || refusalOf(error).cause !== undefined) this.#options.report(error);
    // HTTP/2 forbids this header, and would reject the answer.
    const known = Object.entries(headers).filter(([name]) => req.httpVersionMajor === 1 || name !== "Connection");
    res.writeHead(status, { ...Object.fromEntries(known), "Content-Length": Buffer.byteLength(body) });
    res.end(req.method === "HEAD" ? "" : body);
    this.#options.onRefusal(req, refusalOf(error));
  }

  /** Passes an error to the next handler. Without one, logs the error and destroys an unfinished response. */
  #giveUp(res: ServerResponse, error: unknown, next: Next | undefined): void {
    if (next !== undefined) {
      next(error);
      return;
    }
    this.#options.report(error);
    if (!res.writableEnded) res.destroy();
  }
}
