/** Returns the OpenAPI description of the monitor. */
export function describeMonitor(withMetrics: boolean): {
  readonly paths: object;
  readonly openapi: string;
  readonly info: object;
} {
  const text = { "text/plain; charset=utf-8": { schema: { type: "string" } } };
  const get = (operationId: string, summary: string, responses: Readonly<Record<number, object>>) => ({
    get: { operationId, summary, responses },
  });
  const is = (description: string, content: object = text) => ({ description, content });
  return {
    openapi: "3.2.0",
    info: { title: "Monitor of a Mercure hub", version: "1.0.0" },
    paths: {
      "/healthz/live": get("isLive", "Liveness of the process", { 200: is("It does.") }),
      "/healthz/ready": get("isReady", "Readiness of the hub", {
        200: is("The hub is ready. The body says `away` while its store is unreachable."),
        503: is("The hub is starting or shutting down."),
      }),
      ...(withMetrics && {
        "/metrics": get("readMetrics", "Metrics for Prometheus", {
          200: is("The metrics in Prometheus's text format.", {
            "text/plain; version=0.0.4; charset=utf-8": { schema: { type: "string" } },
          }),
        }),
      }),
      "/openapi.json": get("describeApi", "The description of this API", {
        200: is("An OpenAPI document.", { "application/json": { schema: { type: "object" } } }),
      }),
    },
  };
}
