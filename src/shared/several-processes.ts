import cluster from "node:cluster";

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether this is one of several processes of an application. pm2 also runs single programs as workers of `node:cluster`, so its variables decide. */
export function isOneOfSeveral(environment: Environment): boolean {
  const { instances } = environment;
  return isOfPm2(environment) && instances !== undefined ? instances !== "1" : cluster.isWorker;
}

/** Whether this is the first of several processes. pm2 numbers workers across applications, so its variables decide. */
export function isFirstOfSeveral(environment: Environment): boolean {
  if (!isOneOfSeveral(environment)) return false;
  return isOfPm2(environment) ? Number(environment.NODE_APP_INSTANCE ?? 0) === 0 : cluster.worker?.id === 1;
}

function isOfPm2({ NODE_APP_INSTANCE: instance, pm_id: id }: Environment): boolean {
  return instance !== undefined || id !== undefined;
}
