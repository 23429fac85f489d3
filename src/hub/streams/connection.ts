import { OutgoingMessage, type ServerResponse } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { HttpProblem } from "../../protocol/problem.js";
import { emptyComment } from "../../protocol/sse/event-encoder.js";
import { Chunk } from "../fan-out/chunk.js";

/**
 * The headers of an event stream. Compression and buffering would delay events. A cache must not store what a token in
 * the URL can have opened.
 */
export const streamHeaders = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "private, no-store, no-transform",
  "X-Accel-Buffering": "no",
};

/** The first comment of a stream: some intermediaries delay the head until the first byte of the body. */
const greeting = Chunk.of(emptyComment);

const nothing = Buffer.alloc(0);

/** The max delay of a response's end by a middleware, in milliseconds. */
const maxEndDelay = 5000;

/** NGHTTP2_CANCEL: the stream is no longer needed. RFC 9113, section 7. */
const cancelled = 8;

/**
 * The property of a socket or HTTP/2 stream that holds its connection. One listener then serves all connections, and
 * each uses less memory.
 */
const connectionOf = Symbol("connection");

/** The socket or HTTP/2 stream of a response. That of a bundled stream also says whether its client may return. */
type Source = (Socket | ServerHttp2Stream) & { [connectionOf]?: Connection; readonly mayReturn?: boolean };

function onClose(this: Source): void {
  this[connectionOf]?.sourceClosed();
}

/** Handles the end of an HTTP/1 response by the application: later bytes on the socket belong to another response. */
function onEnd(this: ServerResponse): void {
  (this.req.socket as Source)[connectionOf]?.sourceClosed();
}

/** The route of events to the client: through the response, or to its socket, framed as chunks or as plain bytes. */
type WriteMode = "response" | "chunks" | "bytes";

/** The owner of a connection: the code that writes to it. */
export interface ConnectionOwner {
  /**
   * Called when a chunk waits in memory for the client. The connection is then not {@link Connection.ready}. Returns
   * whether there is room for the chunk; otherwise the connection is destroyed.
   */
  waits(chunk: Chunk): boolean;
  /** Called when the client has taken everything, after the connection was not {@link Connection.ready}. */
  drained(): void;
  /** Called once when the client disconnects or other code ends the response; never after {@link Connection.end}. */
  closed(): void;
}

/**
 * The response of a subscriber, over any version of HTTP.
 *
 * It listens to the socket or the HTTP/2 stream, because these close exactly once. A response emits nothing if its
 * socket dies at the wrong moment.
 *
 * The head goes through the response. Events go directly to the socket if no middleware wraps the response, which saves
 * a framing and several small writes for each subscriber and update. They go through the response over HTTP/2, if a
 * middleware wraps it, as compression does, and after a head that only the response can write. One connection never
 * uses both routes, because the response can hold back data until the end of the turn.
 */
export class Connection {
  readonly #res: ServerResponse;
  readonly #source: Source;
  readonly #stallTimeout: number;
  #writeMode: WriteMode = "response";
  #ready = true;
  #ended = false;
  #owner: ConnectionOwner | undefined;

  /**
   * @param stallTimeout - The max time, in milliseconds, before the hub counts a client over HTTP/1 as gone if it takes no
   * byte of its waiting data; 0 for unlimited. Over HTTP/2, `watchPeer` does this.
   */
  constructor(res: ServerResponse, stallTimeout = 0) {
    const source = http2StreamOf(res) ?? res.socket;
    // Behind another response on the same socket, the hub could send nothing and would never learn of the end.
    if (!source) throw new HttpProblem(400, "A subscription cannot be pipelined behind another request.");
    this.#res = res;
    this.#source = source;
    this.#stallTimeout = stallTimeout;
  }

  /** Whether the client has disconnected, or {@link Connection.end} was called. */
  get closed(): boolean {
    return this.#ended || this.#source.destroyed;
  }

  /**
   * Whether the client has taken all written bytes, as far as the system's buffers tell. Otherwise callers must write
   * nothing, because the data would wait in memory.
   */
  get ready(): boolean {
    return this.#ready;
  }

  /**
   * The socket for chunks that other code writes directly, while the connection is ready and the socket writable. That
   * code must call {@link Connection.onBackpressure} if the socket has not taken everything at once. Undefined if only the
   * connection can write.
   */
  get chunkSocket(): Socket | undefined {
    const socket = this.#source as Socket;
    return this.#writeMode === "chunks" && !isEncrypted(socket) ? socket : undefined;
  }

  /** Whether the client probably continues the stream on another connection soon. */
  get mayReturn(): boolean {
    return this.#source.mayReturn ?? false;
  }

  /** Sends the head of the response at once. */
  open(headers: Readonly<Record<string, string>>, owner: ConnectionOwner): void {
    // This call must be first: it throws for a response that has begun, and such a stream must not be announced.
    this.#res.writeHead(200, headers);
    this.#owner = owner;
    this.#source[connectionOf] = this;
    this.#source.on("close", onClose);
    if (isSocket(this.#source)) {
      this.#res.on("prefinish", onEnd);
      this.#source.setNoDelay(true);
      this.#source.setTimeout(0);
    }
    this.#writeMode = isAscii(headers) ? writeModeOf(this.#res, this.#source) : "response";
    if (this.#writeMode === "response") this.#res.write(greeting.bytes);
    else this.#flushHead(this.#source as Socket);
  }

  /**
   * Sends the head together with the greeting. Node keeps a head as the two dozen pieces it came from, a third of a
   * response's memory, unless the head is written alone. This way of writing corrupts characters beyond ASCII.
   */
  #flushHead(socket: Socket): void {
    socket.cork();
    this.#res.flushHeaders();
    socket.write(this.#writeMode === "chunks" ? greeting.framed : greeting.bytes);
    socket.uncork();
  }

  write(chunk: Chunk): void {
    if (this.#writeMode === "response") {
      // A write after the end would emit an error event without a listener.
      if (!this.#res.writableEnded && !this.#res.write(chunk.bytes)) this.#await(this.#res, chunk);
      return;
    }
    const socket = this.#source as Socket;
    // A client that has closed its half of the connection is about to disconnect.
    if (!socket.writable) return;
    const belowHighWaterMark = socket.write(this.#writeMode === "chunks" ? chunk.framed : chunk.bytes);
    // Encryption takes a turn of the event loop, so only the amount of waiting data shows a slow reader.
    if (isEncrypted(socket) ? !belowHighWaterMark : socket.writableLength > 0)
      this.onBackpressure(chunk, belowHighWaterMark);
  }

  /**
   * Marks the connection as not ready until the socket has taken its waiting data.
   *
   * @param chunk - The written chunk.
   * @param belowHighWaterMark - The result of the socket's `write`.
   */
  onBackpressure(chunk: Chunk, belowHighWaterMark: boolean): void {
    const socket = this.#source as Socket;
    if (belowHighWaterMark) this.#awaitAll(socket, chunk);
    else this.#await(socket, chunk);
  }

  /** Ends the response. A slow client loses the data that it has not taken. */
  end(): void {
    if (this.closed) return;
    const ready = this.#ready;
    this.#forget();
    this.#res.end();
    const source = this.#source;
    if (!isSocket(source)) {
      if (!ready) source.close(cancelled);
    } else if (ready) {
      closeAfter(this.#res, source);
    } else {
      source.destroy();
    }
  }

  /** Over HTTP/2: takes no further streams of this session. Those that are open continue. */
  endSession(): void {
    if (!isSocket(this.#source)) this.#source.session?.close();
  }

  #await(stream: ServerResponse | Socket, chunk: Chunk): void {
    if (this.#ready) stream.once("drain", this.#wait(chunk));
  }

  /** Waits until the socket has taken data below Node's high-water mark. Node emits no `drain` for so little data. */
  #awaitAll(socket: Socket, chunk: Chunk): void {
    if (this.#ready) socket.write(nothing, this.#wait(chunk));
  }

  /** Marks the connection as not ready. Returns a function that makes it ready again. */
  #wait(chunk: Chunk): () => void {
    this.#ready = false;
    // The owner hears of the end later, since its group can be in the middle of a delivery.
    if (this.#owner?.waits(chunk) === false) this.#cut();
    const stallTimeout = isSocket(this.#source) ? this.#stallTimeout : 0;
    const hangUp = () => {
      // If this process was busy, the socket gets its turn now.
      setImmediate(() => {
        if (!this.#ready) this.#source.destroy();
      });
    };
    // The timeout restarts with each part that the system takes.
    if (stallTimeout > 0) this.#res.setTimeout(stallTimeout, hangUp);
    return () => {
      if (stallTimeout > 0) this.#res.setTimeout(0).off("timeout", hangUp);
      this.#ready = true;
      if (!this.closed) this.#owner?.drained();
    };
  }

  #cut(): void {
    const source = this.#source;
    if (isSocket(source)) source.destroy();
    else source.close(cancelled);
  }

  #forget(): void {
    this.#ended = true;
    this.#owner = undefined;
    this.#source.off("close", onClose);
    this.#res.off("prefinish", onEnd);
  }

  /** Called when the client has disconnected, or other code has ended the response. */
  sourceClosed(): void {
    const owner = this.#owner;
    if (this.#source[connectionOf] === this) delete this.#source[connectionOf];
    this.#forget();
    owner?.closed();
  }
}

/** The `write` methods of responses that pass bytes on unchanged. */
const plainWrites = new WeakSet<object>([OutgoingMessage.prototype.write]);

/** Declares that one `write` method of responses passes bytes on exactly as another one does. */
export function writesLike(write: object, other: object): void {
  if (plainWrites.has(other)) plainWrites.add(write);
}

/**
 * Closes the socket when the response has written its last chunk. A session middleware can wrap `end` and save the
 * session first. Clients and proxies report an error if the last chunk is missing.
 */
function closeAfter(res: ServerResponse, socket: Socket): void {
  if (res.writableEnded) {
    socket.destroySoon();
    return;
  }
  const close = () => {
    clearTimeout(timer);
    socket.destroySoon();
  };
  const timer = setTimeout(close, maxEndDelay).unref();
  res.once("finish", close);
}

/**
 * Selects the route of events. Only a response with Node's own `write` leaves its socket free once the head is sent.
 */
function writeModeOf(res: ServerResponse, source: Source): WriteMode {
  if (!isSocket(source) || !plainWrites.has(res.write)) return "response";
  return res.chunkedEncoding ? "chunks" : "bytes";
}

function isAscii(headers: Readonly<Record<string, string>>): boolean {
  return Object.values(headers).every((value) => /^[ -~]*$/.test(value));
}

/** Returns the HTTP/2 stream of a response. */
export function http2StreamOf(res: ServerResponse): ServerHttp2Stream | undefined {
  return (res as { stream?: ServerHttp2Stream }).stream;
}

/** Returns whether a socket carries an event stream. */
export function carriesStream(socket: Socket): boolean {
  return (socket as Source)[connectionOf] !== undefined;
}

function isSocket(source: Socket | ServerHttp2Stream): source is Socket {
  return "destroySoon" in source;
}

function isEncrypted(socket: Socket & { readonly encrypted?: boolean }): boolean {
  return socket.encrypted === true;
}
