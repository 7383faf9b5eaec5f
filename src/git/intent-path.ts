/** The folder of service files, below the intent folder. */
export const servicesFolder = 'services';

/**
 * Whether a path below the intent folder is intent: `mesh.yaml` or `services/<name>.yaml` (or `.yml`, which the
 * parser speaks to). Names that begin with a dot are the lock and swap files of editors and never intent.
 */
export function isIntentPath(path: string): boolean {
  return path === 'mesh.yaml' || isServicePath(path);
}

function isServicePath(path: string): boolean {
  return /^services\/[^/.][^/]*\.ya?ml$/.test(path);
}
