import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { freePort } from "../support/free-port.js";
import { patience } from "./chromium.js";

export interface Subscription {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
}

interface Update {
  readonly id: string;
  readonly topic: string;
  readonly type: string | undefined;
  readonly data: string;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

export type Handler = (request: IncomingMessage, url: URL) => Answer | Promise<Answer>;

/**
 * A server of streams at `/hub?topic=…`, with history, that fails in the ways a test asks for; beside them it serves
 * the test's own routes. It keeps its updates and its port when it is killed and restarted.
 */
export class StreamServer {
  /** Every request for a stream so far. */
  readonly subscriptions: Subscription[] = [];
  readonly #handlers = new Map<string, Handler>();
  readonly #updates: Update[] = [];
  readonly #readers = new Map<ServerResponse, string[]>();
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<() => void>();
  /** The answers to the next requests for a stream, in place of a stream. */
  readonly #refusals: Answer[] = [];
  #server: Server | undefined;
  #port = 0;
  /** The head of every stream. A short retry makes reconnections quick. */
  preamble = "retry: 20\n\n";
  /** Additional headers of every stream. */
  headers: Record<string, string> = {};

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The number of open streams. */
  get open(): number {
    return this.#readers.size;
  }

  get lastEventId(): string {
    return this.#updates.at(-1)?.id ?? "start";
  }

  async start(): Promise<this> {
    const server = createServer((request, response) => this.#answer(request, response));
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#port ||= await freePort();
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#server = server;
    return this;
  }

  /** Closes every connection at once, and answers again only after a restart. */
  async kill(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    this.#readers.clear();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  serve(path: string, handler: Handler | string): void {
    this.#handlers.set(path, typeof handler === "string" ? () => ({ status: 200, body: handler }) : handler);
  }

  refuse(...answers: Answer[]): void {
    this.#refusals.push(...answers);
  }

  publish(data: string, { topic = "messages", type }: { topic?: string; type?: string } = {}): string {
    const update = { id: `urn:${this.#updates.length + 1}`, topic, type, data };
    this.#updates.push(update);
    for (const [response, topics] of this.#readers) if (topics.includes(topic)) response.write(encode(update));
    return update.id;
  }

  /** Writes these bytes unchanged to every open stream. */
  write(text: string): void {
    for (const response of this.#readers.keys()) response.write(text);
  }

  /** Ends the open streams, cleanly or in the middle of a chunk. */
  cut(how: "end" | "destroy" = "destroy"): void {
    const responses = [...this.#readers.keys()];
    this.#readers.clear();
    for (const response of responses) response[how]();
  }

  forgetHistory(): void {
    this.#updates.length = 0;
  }

  /** Resolves when the condition holds, and checks it after each event of a stream. Rejects when the page's time is over. */
  async when(condition: () => boolean): Promise<void> {
    const end = Date.now() + patience;
    while (!condition()) {
      if (Date.now() > end) throw new Error(`${this.open} streams were open, so this stayed false: ${condition}`);
      const change = new Promise<void>((resolve) => this.#waiting.add(resolve));
      await Promise.race([change, setTimeout(1000, undefined, { ref: false })]);
    }
  }

  #changed(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", this.origin);
    const handler = this.#handlers.get(url.pathname);
    if (url.pathname === "/hub") this.#subscribe(request, response, url);
    else void this.#serve(response, handler?.(request, url) ?? { status: 404 });
  }

  async #serve(response: ServerResponse, answer: Answer | Promise<Answer>): Promise<void> {
    send(response, await answer);
  }

  #subscribe(request: IncomingMessage, response: ServerResponse, url: URL): void {
    this.subscriptions.push({ path: url.pathname, query: url.searchParams, headers: request.headers });
    const refusal = this.#refusals.shift();
    if (refusal) send(response, refusal);
    else this.#stream(request, response, url.searchParams);
    this.#changed();
  }

  #stream(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): void {
    const cursor = request.headers["last-event-id"] ?? query.get("lastEventID");
    const position = this.#updates.findIndex(({ id }) => id === cursor);
    const known = position !== -1 || cursor === "start";
    const topics = query.getAll("topic");
    response.writeHead(200, {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-store",
      "Access-Control-Allow-Origin": request.headers.origin ?? "*",
      "Access-Control-Allow-Credentials": "true",
      ...(cursor ? { "Last-Event-ID": known ? String(cursor) : "earliest" } : {}),
      ...this.headers,
    });
    const missed = cursor ? this.#updates.slice(position + 1).filter(({ topic }) => topics.includes(topic)) : [];
    response.write(this.preamble + missed.map(encode).join(""));
    this.#readers.set(response, topics);
    response.on("close", () => {
      this.#readers.delete(response);
      this.#changed();
    });
  }
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache", ...headers });
  response.end(body);
}

function encode({ id, type, data }: Update): string {
  const lines = data.split("\n").map((line) => `data: ${line}\n`);
  return `id: ${id}\n${type ? `event: ${type}\n` : ""}${lines.join("")}\n`;
}
