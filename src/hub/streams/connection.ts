import { OutgoingMessage, type ServerResponse } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { Refusal } from "../../protocol/problem.js";
import { encodeComment } from "../../protocol/sse/event-encoder.js";
import { Chunk } from "../fan-out/chunk.js";

/** Compression and buffering would hold events back, and no cache may keep what a token has opened, in a URL perhaps. */
export const streamHeaders = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "private, no-store, no-transform",
  "X-Accel-Buffering": "no",
};

/** A comment to begin with: some intermediaries hold the head back until the first byte of the body. */
const greeting = Chunk.of(encodeComment());

const nothing = Buffer.alloc(0);

/** How long a middleware may keep a response from its end, in milliseconds. */
const maxEndDelay = 5000;

/** NGHTTP2_CANCEL: the stream is no longer needed. RFC 9113, section 7. */
const cancelled = 8;

/** Where a socket, or a stream of HTTP/2, has its connection: one listener then serves all, and each weighs less. */
const connectionOf = Symbol("connection");

type Source = (Socket | ServerHttp2Stream) & { [connectionOf]?: Connection };

function onClose(this: Source): void {
  this[connectionOf]?.sourceClosed();
}

/** The application has ended the response of HTTP/1: what follows on the socket belongs to another one. */
function onEnd(this: ServerResponse): void {
  (this.req.socket as Source)[connectionOf]?.sourceClosed();
}

/** How events get to the client: through the response, or to its socket, as chunks or as they are. */
type Way = "response" | "chunks" | "bytes";

/** Who writes to a connection. */
export interface ConnectionOwner {
  /** Called when the client has taken what was written, after the connection was not {@link Connection.ready}. */
  drained(): void;
  /** Called once when the client goes, or when somebody else ends the response; not after {@link Connection.end}. */
  closed(): void;
}

/**
 * The response of a subscriber, over whichever version of HTTP.
 *
 * It hangs on the socket, or on the stream of HTTP/2: these close exactly once, whereas a response stays silent when its
 * socket dies at the wrong moment.
 *
 * The head goes through the response. What follows goes to the socket itself where nobody stands in between, which saves
 * a framing and several small writes for each subscriber and update. Over HTTP/2, where a middleware has put itself
 * before the response, as those that compress do, and behind a head that only the response can write, it goes through
 * the response; never both ways, for the response may hold back what it is given until the end of the turn.
 */
export class Connection {
  readonly #res: ServerResponse;
  readonly #source: Source;
  readonly #patience: number;
  #way: Way = "response";
  #ready = true;
  #ended = false;
  #owner: ConnectionOwner | undefined;

  /**
   * @param patience - How long a client over HTTP/1 may take nothing of what waits for it before it counts as gone, in
   * milliseconds; 0 for ever. Over HTTP/2, `watchPeer` sees to that.
   */
  constructor(res: ServerResponse, patience = 0) {
    const source = http2StreamOf(res) ?? res.socket;
    // Behind another response on the same socket, nothing would be sent and nothing would tell of the end.
    if (!source) throw new Refusal(400, "A subscription cannot be pipelined behind another request.");
    this.#res = res;
    this.#source = source;
    this.#patience = patience;
  }

  /** Whether the client is gone, or {@link Connection.end} was called. */
  get closed(): boolean {
    return this.#ended || this.#source.destroyed;
  }

  /**
   * Whether the client has taken everything written so far, as far as the system's buffers tell. Unless it has, nothing
   * should be written: it would wait in memory.
   */
  get ready(): boolean {
    return this.#ready;
  }

  /**
   * Where others may write chunks themselves, as long as the connection is ready and the socket writable. They tell
   * {@link Connection.congested} when it has not taken all at once. Undefined where only the connection can write.
   */
  get chunkSocket(): Socket | undefined {
    const socket = this.#source as Socket;
    return this.#way === "chunks" && !isEncrypted(socket) ? socket : undefined;
  }

  /** Sends the head of the response at once. */
  open(headers: Readonly<Record<string, string>>, owner: ConnectionOwner): void {
    // First, since it throws for a response that has begun: nothing may be told of a stream that never was.
    this.#res.writeHead(200, headers);
    this.#owner = owner;
    this.#source[connectionOf] = this;
    this.#source.on("close", onClose);
    if (isSocket(this.#source)) {
      this.#res.on("prefinish", onEnd);
      this.#source.setNoDelay(true);
      this.#source.setTimeout(0);
    }
    this.#way = isAscii(headers) ? wayOf(this.#res, this.#source) : "response";
    if (this.#way === "response") this.#res.write(greeting.bytes);
    else this.#flushHead(this.#source as Socket);
  }

  /**
   * Sends the head by itself, together with the greeting. Node keeps the head as the two dozen pieces of which it was
   * made, unless it has to write just this: a third of what a response takes in memory. It would write characters beyond
   * ASCII wrongly here.
   */
  #flushHead(socket: Socket): void {
    socket.cork();
    this.#res.flushHeaders();
    socket.write(this.#way === "chunks" ? greeting.framed : greeting.bytes);
    socket.uncork();
  }

  write(chunk: Chunk): void {
    if (this.#way === "response") {
      // A write after the end would be an error event that nobody listens to.
      if (!this.#res.writableEnded && !this.#res.write(chunk.bytes)) this.#await(this.#res);
      return;
    }
    const socket = this.#source as Socket;
    // A client that has closed its half of the connection is about to be gone.
    if (!socket.writable) return;
    const roomy = socket.write(this.#way === "chunks" ? chunk.framed : chunk.bytes);
    // Encryption takes a turn of the event loop, so that there only the amount tells of a slow reader.
    if (isEncrypted(socket) ? !roomy : socket.writableLength > 0) this.congested(roomy);
  }

  /**
   * Something waits in the socket: the connection is ready again when that was taken.
   *
   * @param roomy - What the socket's `write` returned.
   */
  congested(roomy: boolean): void {
    const socket = this.#source as Socket;
    if (roomy) this.#awaitAll(socket);
    else this.#await(socket);
  }

  /** Ends the response; what a slow client has not taken is lost to it. */
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

  #await(stream: ServerResponse | Socket): void {
    if (this.#ready) stream.once("drain", this.#wait());
  }

  /** For what is too little for Node to tell when it has been taken. */
  #awaitAll(socket: Socket): void {
    if (this.#ready) socket.write(nothing, this.#wait());
  }

  /** Nothing shall be written until what this returns is called. */
  #wait(): () => void {
    this.#ready = false;
    const patience = isSocket(this.#source) ? this.#patience : 0;
    const hangUp = () => {
      // If it was this process that had no time, the socket gets it now.
      setImmediate(() => {
        if (!this.#ready) this.#source.destroy();
      });
    };
    // Begins anew with every part that the system takes.
    if (patience > 0) this.#res.setTimeout(patience, hangUp);
    return () => {
      if (patience > 0) this.#res.setTimeout(0).off("timeout", hangUp);
      this.#ready = true;
      if (!this.closed) this.#owner?.drained();
    };
  }

  #forget(): void {
    this.#ended = true;
    this.#owner = undefined;
    this.#source.off("close", onClose);
    this.#res.off("prefinish", onEnd);
  }

  /** Called when the client has gone, or somebody else has ended the response. */
  sourceClosed(): void {
    const owner = this.#owner;
    if (this.#source[connectionOf] === this) delete this.#source[connectionOf];
    this.#forget();
    owner?.closed();
  }
}

/** The methods `write` of responses that hand on bytes as they are. */
const plainWrites = new WeakSet<object>([OutgoingMessage.prototype.write]);

/** Declares that a `write` of responses hands on bytes exactly as another one does. */
export function writesLike(write: object, other: object): void {
  if (plainWrites.has(other)) plainWrites.add(write);
}

/**
 * Closes the socket when the response has written its last chunk. A middleware may have put itself before `end`, as that
 * of sessions does, which first saves the session: without the chunk clients and proxies report an error.
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

/** Only a response that writes as Node's own does leaves its socket to others once the head is sent. */
function wayOf(res: ServerResponse, source: Source): Way {
  if (!isSocket(source) || !plainWrites.has(res.write)) return "response";
  return res.chunkedEncoding ? "chunks" : "bytes";
}

function isAscii(headers: Readonly<Record<string, string>>): boolean {
  return Object.values(headers).every((value) => /^[ -~]*$/.test(value));
}

/** The stream of a response over HTTP/2. */
export function http2StreamOf(res: ServerResponse): ServerHttp2Stream | undefined {
  return (res as { stream?: ServerHttp2Stream }).stream;
}

/** Whether a stream of events has been opened on a socket. */
export function carriesStream(socket: Socket): boolean {
  return (socket as Source)[connectionOf] !== undefined;
}

function isSocket(source: Socket | ServerHttp2Stream): source is Socket {
  return "destroySoon" in source;
}

function isEncrypted(socket: Socket & { readonly encrypted?: boolean }): boolean {
  return socket.encrypted === true;
}
