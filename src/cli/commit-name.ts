import { existsSync } from 'node:fs';
import { repositoryFor } from './repository-for.ts';

/** The beginning of an id, as short as git takes it; that of files as they lie has a word before it. */
const idBeginning = /^(?:working-)?[0-9a-f]{4,64}$/;

/** The id of what was typed as a commit: HEAD, a branch, a tag of the repository for `dir`. Undefined: none of them. */
export async function commitNamed(name: string, dir = '.'): Promise<string | undefined> {
  if (idBeginning.test(name)) return name;
  if (name === '' || !existsSync(dir)) return undefined;
  const repository = await repositoryFor(dir);
  if (!repository.ok) return undefined;
  const id = await repository.value.resolve(name);
  return id.ok ? id.value : undefined;
}
