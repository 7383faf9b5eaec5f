import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../base/finding.ts';
import { err, type Result } from '../base/result.ts';
import { openRepository, type Repository } from '../git/repository.ts';
import { folderNamed } from './folder.ts';

/**
 * The repository in which names of commits are looked up: of the folder that was named, or, where that holds only the
 * state of a control plane that follows a repository elsewhere, of the folder where the command is typed.
 */
export async function repositoryFor(dir = '.'): Promise<Result<Repository, Finding>> {
  const named = folderNamed(dir);
  const own = await openRepository(named);
  if (own.ok || !holdsOnlyState(named)) return own;
  const here = await openRepository(folderNamed('.'));
  return here.ok
    ? here
    : err({
        ...here.error,
        message: `"${dir}" holds only the state of a control plane, and here is no Git repository`,
        help: 'type it in a checkout of the repository that the control plane follows',
      });
}

function holdsOnlyState(dir: string): boolean {
  return existsSync(join(dir, '.chancery')) && !existsSync(join(dir, 'mesh.yaml'));
}
