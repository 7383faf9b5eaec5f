import type { RunCommand, Service, VersionName } from './types.ts';

/** Where the application of a version must listen; undefined: wherever `PORT` says. */
export function declaredPort(service: Service, version: VersionName): number | undefined {
  const [first] = service.run.keys();
  return service.run.get(version)?.port ?? (version === first ? service.port : undefined);
}

/** Equal for two intents that run a version alike: the same process on the same port, up by the same sign. */
export function runKey(service: Service, version: VersionName, run: RunCommand): string {
  const { command, env } = run;
  return JSON.stringify([command, [...env], declaredPort(service, version), service.health]);
}
