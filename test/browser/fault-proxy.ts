import { type AddressInfo, connect as connectTo, createServer, type Server, type Socket } from "node:net";

/** The fault of one connection. */
export type Fault =
  /** Refuses the connection. */
  | { readonly kind: "refuse" }
  /** Passes on the first bytes of the server, then cuts the connection. */
  | { readonly kind: "truncate"; readonly bytes: number }
  /** Holds the bytes of the server back until `release` is called. */
  | { readonly kind: "stall" };

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  /** Whether the bytes of the server are lost. Neither side is told. */
  isSilent: boolean;
  /** The bytes that wait, or undefined when bytes pass at once. */
  held: Buffer[] | undefined;
}

/** A proxy of TCP connections that cuts, stalls, goes silent, truncates and refuses when a test says so. */
export class FaultProxy {
  readonly #pairs = new Set<Pair>();
  /** The faults of the next connections that ask for a stream. */
  readonly #next: Fault[] = [];
  readonly #server: Server;

  constructor(target: () => number) {
    this.#server = createServer((client) => this.#accept(client, target()));
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The next connections that ask for a stream have these faults. Answers to htmx itself come whole or not at all. */
  expect(...faults: Fault[]): void {
    this.#next.push(...faults);
  }

  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
  }

  /** The bytes of the server are lost from now on, on all open connections. */
  silence(): void {
    for (const pair of this.#pairs) pair.isSilent = true;
  }

  stall(): void {
    for (const pair of this.#pairs) pair.held ??= [];
  }

  /** Passes on all that waits. */
  release(): void {
    for (const pair of this.#pairs) {
      for (const chunk of pair.held ?? []) pair.client.write(chunk);
      pair.held = undefined;
    }
  }

  /** Ends all faults. Connections that had one are cut, as when a network comes back. */
  heal(): void {
    this.#next.length = 0;
    for (const pair of this.#pairs) {
      if (!pair.isSilent && !pair.held) continue;
      pair.client.destroy();
      pair.server.destroy();
    }
  }

  #accept(client: Socket, port: number): void {
    client.on("error", () => {});
    client.once("data", (request: Buffer) => {
      client.pause();
      this.#connect(client, port, request, /^GET \/hub/.test(request.toString()) ? this.#next.shift() : undefined);
    });
  }

  #connect(client: Socket, port: number, request: Buffer, fault: Fault | undefined): void {
    if (fault?.kind === "refuse") {
      client.destroy();
      return;
    }
    const server = connectTo(port, "127.0.0.1");
    const pair: Pair = { client, server, isSilent: false, held: fault?.kind === "stall" ? [] : undefined };
    let left = fault?.kind === "truncate" ? fault.bytes : Number.POSITIVE_INFINITY;
    this.#pairs.add(pair);
    server.on("error", () => {});
    server.write(request);
    client.pipe(server);
    server.on("data", (chunk: Buffer) => {
      if (pair.isSilent) return;
      if (pair.held) {
        pair.held.push(chunk);
        return;
      }
      client.write(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) client.destroy();
    });
    server.on("end", () => {
      if (!pair.isSilent && !pair.held) client.end();
    });
    const close = () => {
      this.#pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    client.on("close", close);
    server.on("close", () => {
      if (!pair.isSilent && !pair.held) close();
    });
  }
}
