// Programs of the documentation load this module. They listen on port 3000: the system gives them a free port, and the
// parent process is told which.

import { type AddressInfo, Server } from "node:net";

const { listen } = Server.prototype;

Server.prototype.listen = function (this: Server, ...args: unknown[]) {
  this.once("listening", () => process.send?.({ port: (this.address() as AddressInfo).port }));
  return Reflect.apply(listen, this, args[0] === 3000 ? [0, "127.0.0.1", ...args.slice(1)] : args);
} as typeof listen;
