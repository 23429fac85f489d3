import cluster from "node:cluster";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Whether this is one of several processes of an application. pm2 also runs single programs as workers of
 * `node:cluster`, so its variables decide. `pm2 scale` adds processes, and leaves `instances` unchanged.
 */
export function isOneOfSeveral(environment: Environment): boolean {
  const { instances } = environment;
  return isOfPm2(environment) && instances !== undefined
    ? instances !== "1" || instanceOf(environment) > 0
    : cluster.isWorker;
}

/**
 * Whether this is the first of several processes, or the first that `pm2 scale` has added to one. pm2 numbers workers
 * across applications, so its variables decide.
 */
export function isFirstOfSeveral(environment: Environment): boolean {
  if (!isOneOfSeveral(environment)) return false;
  if (!isOfPm2(environment)) return cluster.worker?.id === 1;
  return instanceOf(environment) === (environment.instances === "1" ? 1 : 0);
}

function instanceOf({ NODE_APP_INSTANCE: instance = "0" }: Environment): number {
  return Number(instance);
}

function isOfPm2({ NODE_APP_INSTANCE: instance, pm_id: id }: Environment): boolean {
  return instance !== undefined || id !== undefined;
}
