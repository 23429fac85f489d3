import { EmbeddedHubPort } from "../../../src/publisher/hub/embedded-hub-port.js";
import { Variants } from "../../../src/publisher/publish/variants.js";
import { HubAddress } from "../../../src/publisher/remote/hub-address.js";
import { RemoteHub } from "../../../src/publisher/remote/remote-hub.js";
import { Tokens } from "../../../src/publisher/streams/tokens.js";
import { hubPortContract } from "../../contract/hub-port.js";
import { publisherKey, subscriberKey } from "../../hub/fixture.js";

hubPortContract(
  "the port to the hub in this process",
  (_t, { hub }) =>
    new EmbeddedHubPort({
      hub,
      publicHubUrl: hub.path,
      variants: new Variants({ clock: { now: Date.now }, lifetime: 60, areAllKnown: true }),
      close: () => hub.close(),
    }),
);

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
