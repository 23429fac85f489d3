import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { resolveOptions } from "../../src/express/configuration.js";
import type { MercureOptions } from "../../src/express/options.js";

const secret = "0123456789abcdef0123456789abcdef";

function recorder() {
  const warnings: string[] = [];
  return { warnings, logger: { warn: (message: string) => void warnings.push(message), error: () => {} } };
}

/** A folder with files as the working directory, for the time of a test. */
function within(t: TestContext, files: Record<string, string>): string {
  const before = process.cwd();
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "htmx-mercure-")));
  for (const [path, content] of Object.entries(files)) writeFileSync(join(folder, path), content);
  process.chdir(folder);
  t.after(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });
  return folder;
}

describe("options", () => {
  test("have defaults", () => {
    const { logger: _logger, ...configuration } = resolveOptions({ secret }, {});
    assert.deepEqual(configuration, {
      publisherSecretKey: secret,
      subscriberSecretKey: secret,
      templates: ["templates"],
      components: ["components"],
      environment: undefined,
      htmx: 2,
      protocol: 0,
      hubUrl: undefined,
      trustedHosts: [],
      publisherJwt: undefined,
      publicHubUrl: "/.well-known/mercure",
      issuer: "/",
      resource: "/.well-known/mercure",
      authzCookieName: "mercureAuthorization",
      authzCookieDomain: undefined,
      typeIsTopic: false,
      tokenMode: "url",
      authorize: undefined,
      renewalPath: "/.well-known/mercure/renewal",
      shareConnections: true,
      maxStreamUrlBytes: 8000,
      tokenLifetime: 3600,
      payloadGetter: undefined,
      subjectGetter: undefined,
      presenceKey: "id",
      transport: "memory",
      outbox: undefined,
      publicHubPath: "/.well-known/mercure",
      presenceGrace: 5,
      pauseHiddenAfter: 0,
      swapStyles: [],
      assetsPath: "/mercure-assets",
      publicPath: "",
      isPublicPathFromHubUrl: false,
      development: true,
      hub: {
        path: "/.well-known/mercure",
        protocol: "both",
        allowAnonymous: true,
        allowPublish: false,
        subscriptions: true,
        corsOrigins: [],
        publishOrigins: [],
        connectionLifetime: 3600,
        clockTolerance: 30,
        keepaliveInterval: 15,
        reconciliationLength: 500,
        historyLengths: [],
        maxHistoryBytes: 67_108_864,
        issuers: undefined,
        authorizationServers: [],
        maxConnections: 100_000,
        maxConnectionsPerAddress: 10_000,
        maxConnectionsPerSubject: 1000,
        maxBacklogBytes: 1_048_576,
        maxMatchers: 200,
        maxMatcherLength: 2048,
        maxPatternSize: 5000,
        maxSubscriptionBytes: 268_435_456,
        maxSubscriptionBytesPerAddress: 67_108_864,
        maxSubscriptionBytesPerRequest: 8_388_608,
        maxQueryBytes: 262_144,
        maxTokenDetails: 100,
        maxTokenTopics: 1000,
        maxPublishBytes: 1_048_576,
        maxPublishTopics: 100,
        maxPublishFieldLength: 4096,
      },
    });
  });

  test("are read from the environment by default", () => {
    const environment = {
      SECRET_KEY: secret,
      MERCURE_PUBLISHER_SECRET_KEY: `publisher ${secret}`,
      MERCURE_HUB_URL: "http://hub:3000/.well-known/mercure",
      MERCURE_PUBLIC_HUB_URL: "https://example.com/hub",
      MERCURE_PUBLIC_PATH: "/shop/bücher/",
      MERCURE_PROTOCOL: "1",
      MERCURE_ISSUER: "urn:example:shop",
      MERCURE_RESOURCE: "https://hub.example.com",
      MERCURE_AUTHZ_COOKIE_NAME: "__Secure-shop",
      MERCURE_AUTHZ_COOKIE_DOMAIN: ".example.com",
      MERCURE_TYPE_IS_TOPIC: "true",
      MERCURE_HUB_PROTOCOL: "1",
      MERCURE_HUB_ALLOW_PUBLISH: "1",
      MERCURE_HUB_ALLOW_ANONYMOUS: "no",
      MERCURE_HUB_SUBSCRIPTIONS: "off",
      MERCURE_HUB_CORS_ORIGINS: "https://a.example, http://b.example:8080",
      MERCURE_HUB_PUBLISH_ORIGINS: "https://a.example",
      MERCURE_HUB_KEEPALIVE_INTERVAL: "0",
      MERCURE_HUB_RECONCILIATION_LENGTH: "7",
      MERCURE_HUB_MAX_CONNECTIONS: "12",
      NODE_ENV: "production",
    };
    const configuration = resolveOptions({ typeIsTopic: false }, environment);
    assert.equal(configuration.subscriberSecretKey, secret);
    assert.equal(configuration.publisherSecretKey, `publisher ${secret}`);
    assert.equal(configuration.hubUrl, "http://hub:3000/.well-known/mercure");
    assert.equal(configuration.publicHubUrl, "https://example.com/hub");
    assert.equal(configuration.publicPath, "/shop/b%C3%BCcher");
    assert.equal(configuration.protocol, 1);
    assert.equal(configuration.issuer, "urn:example:shop");
    assert.equal(configuration.resource, "https://hub.example.com", "as it is written: hubs compare it byte by byte");
    assert.equal(configuration.authzCookieName, "__Secure-shop");
    assert.equal(configuration.authzCookieDomain, ".example.com");
    assert.equal(configuration.typeIsTopic, false);
    assert.equal(configuration.development, false);
    const { hub } = configuration;
    assert.equal(hub.maxConnections, 12);
    const others = Object.entries(hub).filter(([name]) => name === "maxHistoryBytes" || !name.startsWith("max"));
    assert.deepEqual(Object.fromEntries(others), {
      issuers: undefined,
      authorizationServers: [],
      path: "/.well-known/mercure",
      protocol: 1,
      allowAnonymous: false,
      allowPublish: true,
      subscriptions: false,
      corsOrigins: ["https://a.example", "http://b.example:8080"],
      publishOrigins: ["https://a.example"],
      connectionLifetime: 3600,
      clockTolerance: 30,
      keepaliveInterval: 0,
      reconciliationLength: 7,
      historyLengths: [],
      maxHistoryBytes: 67_108_864,
    });
  });

  test("a secret can stay unused when both keys are given", () => {
    const keys = { publisherSecretKey: "p".repeat(32), subscriberSecretKey: "s".repeat(32) };
    assert.equal(resolveOptions({ ...keys, secret }, {}).publisherSecretKey, keys.publisherSecretKey);
  });

  const impossible: [options: object, message: RegExp, environment?: Record<string, string>][] = [
    [{ templats: "x" }, /option templats does not exist. Did you mean "templates"\?/],
    [{ hub: { keepalive: 1 } }, /option hub.keepalive does not exist/],
    [{ hub: { maxMatchers: 0 } }, /option hub.maxMatchers must be a whole number, min 1, not 0/],
    [{ secret: "-----BEGIN PUBLIC KEY-----" }, /option secret is a key in PEM/],
    [
      {},
      /MERCURE_PUBLISHER_SECRET_KEY is a key in PEM/,
      { MERCURE_PUBLISHER_SECRET_KEY: "-----BEGIN PRIVATE KEY-----" },
    ],
    [
      {},
      /MERCURE_SUBSCRIBER_JWT_KEY is a key in PEM/,
      { MERCURE_SUBSCRIBER_JWT_KEY: "-----BEGIN PUBLIC KEY-----\\nMFkw" },
    ],
    [
      {},
      /MERCURE_PUBLISHER_JWT_ALG is "HS512", but an application signs its tokens with HS256 only/,
      { MERCURE_PUBLISHER_JWT_KEY: secret, MERCURE_PUBLISHER_JWT_ALG: "HS512" },
    ],
    [{ hub: true }, /option hub must be an object, not boolean/],
    [{ components: "no/such" }, /option components names a folder that does not exist: \/.*\/no\/such/],
    [{ templates: 1 }, /option templates must be a string or a list of strings, not number/],
    [{ templates: "src", environment: {} }, /option templates cannot be combined with environment/],
    [{ typeIsTopic: "yes" }, /option typeIsTopic must be true or false, not "yes"/],
    [{}, /option MERCURE_TYPE_IS_TOPIC must be true or false, not "maybe"/, { MERCURE_TYPE_IS_TOPIC: "maybe" }],
    [{ tokenLifetime: 0 }, /option tokenLifetime must be a number, min 1, not 0/],
    [{ tokenLifetime: Number.NaN }, /option tokenLifetime/],
    [{ hub: { reconciliationLength: 1.5 } }, /must be a whole number, min 0/],
    [{}, /MERCURE_HUB_KEEPALIVE_INTERVAL must be a number/, { MERCURE_HUB_KEEPALIVE_INTERVAL: "soon" }],
    [{ hub: { corsOrigins: "example.com" } }, /option hub.corsOrigins must contain origins such as https:/],
    [{ hub: { corsOrigins: ["https://a.example/"] } }, /without a path/],
    [{ hub: { publishOrigins: ["*"] } }, /option hub.publishOrigins must contain origins/],
    [{}, /MERCURE_HUB_CORS_ORIGINS must contain origins/, { MERCURE_HUB_CORS_ORIGINS: "null" }],
    [{ hub: { path: "hub" } }, /option hub.path must be a path such as \/live, not "hub"/],
    [{ publicHubUrl: "ftp://x" }, /option publicHubUrl must be an http\(s\) URL/],
    [{ publicHubUrl: "hub" }, /option publicHubUrl must be an http\(s\) URL or a path, .* not "hub"/],
    [{ publicHubUrl: "//other.example/hub" }, /option publicHubUrl must be an http\(s\) URL or a path/],
    [{ publicHubUrl: "./hub" }, /option publicHubUrl must be/],
    [{}, /option MERCURE_PUBLIC_HUB_URL must be .* not "maybe"/, { MERCURE_PUBLIC_HUB_URL: "maybe" }],
    [{}, /option MERCURE_HUB_URL must be .* not "hub"/, { MERCURE_HUB_URL: "hub" }],
    [{ publicHubUrl: "https://x/?a=b" }, /without a query/],
    [{ publicPath: "app" }, /option publicPath must be a path such as \/app, .* not "app"/],
    [{ publicPath: "//evil.example" }, /option publicPath must be a path/],
    [{ publicPath: "/\\evil.example" }, /option publicPath must be a path/],
    [{ publicPath: "/app?a=b" }, /option publicPath .* without a query/],
    [{ publicPath: "/app/../x" }, /option publicPath must be a path/],
    [{}, /option MERCURE_PUBLIC_PATH must be a path/, { MERCURE_PUBLIC_PATH: "https://x/app" }],
    [{ hubUrl: "ftp://x" }, /option hubUrl must be an http\(s\) URL/],
    [{ hubUrl: "/hub" }, /option hubUrl must be an absolute http\(s\) URL/],
    [{ hubUrl: "http://user:password@hub/" }, /without a user/],
    [{ hubUrl: false }, /option hubUrl must be a string, not boolean/],
    [{ hubUrl: true, secret }, /option trustedHosts is missing/, { NODE_ENV: "production" }],
    [{ hubUrl: true, hub: { allowPublish: true } }, /option hub.allowPublish configures the embedded hub/],
    [{ trustedHosts: "example.com" }, /option trustedHosts is only for hubUrl: true/],
    [
      { hubUrl: true, trustedHosts: ["https://example.com/"] },
      /option trustedHosts must contain hosts such as example/,
    ],
    [{ hubUrl: true, trustedHosts: ["*.example.com"] }, /trustedHosts must contain hosts/],
    [{ hubUrl: true, trustedHosts: ["user@example.com"] }, /trustedHosts must contain hosts/],
    [{}, /MERCURE_TRUSTED_HOSTS must contain hosts/, { MERCURE_TRUSTED_HOSTS: "a.example b.example/x" }],
    [{}, /MERCURE_TRUSTED_HOSTS must contain hosts/, { MERCURE_TRUSTED_HOSTS: "a.example;b.example" }],
    [{ trustedHosts: ["https://a.example;b.example"] }, /trustedHosts must contain hosts/],
    [{ protocol: 2 }, /option protocol must be one of 0, 1, not number/],
    [{ protocol: "1" }, /option protocol must be one of 0, 1, not "1"/],
    [{}, /MERCURE_PROTOCOL must be one of 0, 1, not "2"/, { MERCURE_PROTOCOL: "2" }],
    [{ hub: { protocol: 1 } }, /option hub.protocol is 1; the hub would reject the library's own tokens/],
    [{ protocol: 1 }, /option hub.protocol is 0/, { MERCURE_HUB_PROTOCOL: "0" }],
    [{ resource: "hub" }, /option resource must be an http\(s\) URL or a path/],
    [{ issuer: 1 }, /option issuer must be a string/],
    [{ authzCookieName: "a b" }, /option authzCookieName must be a valid cookie name/],
    [{ authzCookieDomain: "https://a.example" }, /option authzCookieDomain must be a domain/],
    [{ authzCookieName: "__Host-a", authzCookieDomain: "a.example" }, /combined with a __Host- cookie/],
    [{ hubUrl: "http://hub/", hub: { path: "/live" } }, /option hub.path configures the embedded hub/],
    [{}, /option secret is missing/, { MERCURE_HUB_URL: "http://hub/", SECRET_KEY: "", NODE_ENV: "development" }],
    [{ secret: "" }, /option secret is empty: give it a value, or leave it out to use SECRET_KEY/],
    [{ secret: 12 }, /option secret must be a string, not number/],
    [{ logger: {} }, /option logger must have the methods warn and error/],
    [{ tokenMode: "header" }, /tokenMode must be one of "url", "cookie"/],
    [{ tokenMode: "cookie", renewalPath: "/renew" }, /renewalPath must be below \/\.well-known\/mercure/],
    [{}, /Production needs a secret/, { NODE_ENV: "production" }],
    [{ secret: "short" }, /Production is not safe: a secret has 5 bytes/, { NODE_ENV: "production" }],
  ];
  for (const [options, message, environment] of impossible) {
    test(`${JSON.stringify({ ...options, ...environment })} is an error`, () => {
      assert.throws(
        () =>
          resolveOptions(options as MercureOptions, {
            SECRET_KEY: secret,
            ...environment,
            ...("secret" in options || environment?.NODE_ENV ? { SECRET_KEY: "" } : {}),
          }),
        {
          code: "ERR_OPTION",
          message,
        },
      );
    });
  }

  test("issuer and resource are those of the hub's public URL", () => {
    const resolve = (options: MercureOptions) => {
      const { issuer, resource, publicHubUrl, authzCookieName } = resolveOptions(
        { secret, protocol: 1, ...options },
        {},
      );
      return { issuer, resource, publicHubUrl, authzCookieName };
    };
    const authzCookieName = "__Secure-mercure_access_token";
    const shop = "https://shop.example/hub";
    const publicly = { issuer: "https://shop.example", resource: shop, publicHubUrl: shop, authzCookieName };
    const privately = { issuer: "/", resource: "/live", publicHubUrl: "/live", authzCookieName };
    assert.deepEqual(resolve({ hub: { path: "/live" } }), privately, "the application does not know where it is shown");
    assert.deepEqual(resolve({ hub: { path: "/live" }, publicHubUrl: shop }), publicly);
    assert.deepEqual(resolve({ hubUrl: shop }), publicly);
    assert.deepEqual(resolve({ hubUrl: "http://hub:3000/", publicHubUrl: shop }), publicly);
    assert.deepEqual(resolve({ hubUrl: shop, publicHubUrl: "/live" }), { ...publicly, publicHubUrl: "/live" });
    assert.deepEqual(resolve({ hubUrl: true, hub: { path: "/live" } }), privately);
    const trusted = resolve({ hubUrl: true, trustedHosts: ["shop.example"], hub: { path: "/hub" } });
    assert.deepEqual(trusted, { ...publicly, publicHubUrl: "/hub" });
    assert.equal(resolve({ hubUrl: shop, resource: "https://x.example/" }).issuer, "https://x.example");
  });

  for (const word of ["True", "true", "1", "YES", "on"]) {
    test(`${word} in MERCURE_HUB_URL and MERCURE_PUBLIC_HUB_URL means the host of the request`, () => {
      const { hubUrl, publicHubUrl } = resolveOptions(
        { secret, hub: { path: "/live" } },
        { MERCURE_HUB_URL: word, MERCURE_PUBLIC_HUB_URL: word },
      );
      assert.deepEqual({ hubUrl, publicHubUrl }, { hubUrl: true, publicHubUrl: "/live" });
      const shown = { MERCURE_HUB_URL: "http://hub:3000/updates", MERCURE_PUBLIC_HUB_URL: word };
      assert.equal(resolveOptions({ secret }, shown).publicHubUrl, "/updates", "the path of the hub that it names");
    });
  }

  for (const word of ["False", "0", "no", "OFF"]) {
    test(`${word} in MERCURE_HUB_URL and MERCURE_PUBLIC_HUB_URL means the hub in this process`, () => {
      const { hubUrl, publicHubUrl } = resolveOptions(
        { secret },
        { MERCURE_HUB_URL: word, MERCURE_PUBLIC_HUB_URL: word },
      );
      assert.deepEqual({ hubUrl, publicHubUrl }, { hubUrl: undefined, publicHubUrl: "/.well-known/mercure" });
    });
  }

  test("keys come from the variables of Mercure's hubs before the library's own", () => {
    const [publisher, subscriber] = ["p".repeat(32), "s".repeat(32)];
    const environment = {
      MERCURE_PUBLISHER_JWT_KEY: publisher,
      MERCURE_SUBSCRIBER_JWT_KEY: subscriber,
      MERCURE_PUBLISHER_SECRET_KEY: "other".repeat(8),
      MERCURE_SUBSCRIBER_JWT_ALG: "HS256",
    };
    const keysOf = (options: MercureOptions, variables: Record<string, string>) => {
      const { publisherSecretKey, subscriberSecretKey } = resolveOptions(options, variables);
      return [publisherSecretKey, subscriberSecretKey];
    };
    assert.deepEqual(keysOf({}, environment), [publisher, subscriber]);
    assert.deepEqual(keysOf({ publisherSecretKey: secret }, environment), [secret, subscriber]);
    const empty = { ...environment, MERCURE_PUBLISHER_JWT_KEY: "" };
    assert.deepEqual(keysOf({}, empty), [environment.MERCURE_PUBLISHER_SECRET_KEY, subscriber]);
  });

  test("hubs at the host of requests use origins that clients cannot choose", () => {
    const trustedHosts = "Example.com, b.example:8443 http://c.example localhost:3000 [::1] d.example:443";
    const environment = { MERCURE_HUB_URL: "true", MERCURE_TRUSTED_HOSTS: trustedHosts };
    assert.deepEqual(resolveOptions({ secret }, environment).trustedHosts, [
      "https://example.com",
      "https://b.example:8443",
      "http://c.example",
      "http://localhost:3000",
      "http://[::1]",
      "https://d.example",
    ]);
  });

  test("development keeps a secret with the project without one, and says where", (t) => {
    const project = within(t, { "package.json": "{}" });
    const { warnings, logger } = recorder();
    const one = resolveOptions({ logger }, {});
    const two = resolveOptions({ logger, secret: undefined }, { NODE_ENV: "development" });
    assert.ok(one.subscriberSecretKey.length >= 32);
    assert.equal(one.publisherSecretKey, one.subscriberSecretKey);
    assert.equal(one.subscriberSecretKey, two.subscriberSecretKey);
    assert.equal(warnings.length, 2);
    assert.match(warnings[0]!, /no secret is set/);
    assert.ok(warnings[0]!.includes(project), warnings[0]);
  });

  for (const [where, files] of [
    ["outside a project", {}],
    ["where the project cannot keep one", { "package.json": "{}", node_modules: "no folder" }],
  ] as const) {
    test(`development makes a secret at each start without one, and says so, ${where}`, (t) => {
      within(t, files);
      const { warnings, logger } = recorder();
      const one = resolveOptions({ logger }, {});
      const two = resolveOptions({ logger }, {});
      assert.ok(one.subscriberSecretKey.length >= 32);
      assert.notEqual(one.subscriberSecretKey, two.subscriberSecretKey);
      assert.equal(warnings.length, 2);
      assert.match(warnings[0]!, /valid until this process ends/);
    });
  }

  test("development warns of a short secret", () => {
    const { warnings, logger } = recorder();
    resolveOptions({ logger, secret: "short" }, {});
    assert.match(warnings.join(), /a secret has 5 bytes/);
  });
});
