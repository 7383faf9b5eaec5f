import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';

/** For tests: a temporary folder that goes away with the test, and the real git in it. */
export interface TemporaryFolder {
  readonly dir: string;
  /** Runs git in the folder (or `cwd`) and returns its trimmed output; throws when it fails. */
  git(args: readonly string[], cwd?: string): string;
  write(path: string, content: string | Uint8Array): void;
  /** Adds everything, commits, and returns the new id. */
  commitAll(subject: string): string;
}

const identity = {
  GIT_AUTHOR_NAME: 'Ada Byron',
  GIT_AUTHOR_EMAIL: 'ada@shop.test',
  GIT_COMMITTER_NAME: 'Charles',
  GIT_COMMITTER_EMAIL: 'charles@shop.test',
  GIT_CONFIG_NOSYSTEM: '1',
};

export function temporaryFolder(context: TestContext): TemporaryFolder {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'chancery-git-')));
  context.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }));
  const git = (args: readonly string[], cwd = dir): string => {
    const env = { PATH: process.env['PATH'], HOME: dir, LC_ALL: 'C', ...identity };
    const settings = ['-c', 'protocol.file.allow=always', '-c', 'init.defaultBranch=main'];
    return execFileSync('git', [...settings, ...args], {
      cwd,
      env,
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim();
  };
  return {
    dir,
    git,
    write: (path, content) => {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), content);
    },
    commitAll: (subject) => {
      git(['add', '-A']);
      git(['commit', '-q', '-m', subject]);
      return git(['rev-parse', 'HEAD']);
    },
  };
}

/** A repository with one committed intent: `mesh.yaml` and `services/payments.yaml`. */
export function temporaryRepository(context: TestContext): TemporaryFolder {
  const folder = temporaryFolder(context);
  folder.git(['init', '-q']);
  folder.write('mesh.yaml', 'mesh: shop\n');
  folder.write('services/payments.yaml', 'service: payments\n');
  folder.commitAll('First intent');
  return folder;
}
