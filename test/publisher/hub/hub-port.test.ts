import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Hub } from "../../../src/hub/index.js";
import { EmbeddedHubPort } from "../../../src/publisher/hub/embedded-hub-port.js";
import { Variants } from "../../../src/publisher/publish/variants.js";
import { HubAddress } from "../../../src/publisher/remote/hub-address.js";
import { RemoteHub } from "../../../src/publisher/remote/remote-hub.js";
import { Tokens } from "../../../src/publisher/streams/tokens.js";
import { hubPortContract } from "../../contract/hub-port.js";
import { Distant, publisherKey, startHub, subscriberKey } from "../../hub/fixture.js";

hubPortContract("the port to the hub in this process", (_t, { hub }) => portTo(hub));

function portTo(hub: Hub): EmbeddedHubPort {
  return new EmbeddedHubPort({
    hub,
    publicHubUrl: hub.path,
    variants: new Variants({ clock: { now: Date.now }, lifetime: 60, areAllKnown: true }),
  });
}

describe("a page at the start of a hub", () => {
  test("waits until the hub is ready", async (t) => {
    const transport = new Distant();
    const { hub } = await startHub(t, { transport });
    const port = portTo(hub);
    const beginning = port.begin();
    transport.reach();
    await beginning;
    assert.equal(port.begin(), undefined);
  });

  test("waits one second at most, and later pages do not wait again", async (t) => {
    const { hub } = await startHub(t, { transport: new Distant() });
    const port = portTo(hub);
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const beginning = [port.begin(), port.begin()];
    t.mock.timers.tick(1000);
    await Promise.all(beginning);
    assert.equal(port.begin(), undefined);
    assert.equal(hub.state, "starting");
  });
});

hubPortContract("the port to a hub in another process", (_t, { hub, origin }) => {
  const url = origin + hub.path;
  return new RemoteHub({
    address: new HubAddress({ url, path: hub.path, trustedHosts: [], development: true }),
    publicHubUrl: url,
    protocol: 0,
    tokens: new Tokens({
      protocol: 0,
      issuer: "/",
      resource: hub.path,
      publisherSecretKey: publisherKey,
      subscriberSecretKey: subscriberKey,
      publisherJwt: undefined,
      tokenLifetime: 60,
    }),
    requestOrigin: () => undefined,
    onError: () => {},
  });
});
