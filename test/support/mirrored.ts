import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import type { Finding } from '../../src/base/finding.ts';
import type { Result } from '../../src/base/result.ts';
import { type Mirror, type MirrorOptions, openMirror } from '../../src/git/mirror.ts';
import { parseRemoteAddress } from '../../src/git/remote-address.ts';
import {
  type TemporaryFolder,
  temporaryFolder,
  temporaryRepository,
} from '../../src/git/temporary-repository.fixture.ts';

export interface Origin {
  /** Somebody's clone, in which commits are made. */
  readonly work: TemporaryFolder;
  /** The folder of the bare repository `hub.git`, and of whatever a test needs beside it. */
  readonly home: TemporaryFolder;
  readonly hub: string;
  /** Commits and pushes; returns the id. */
  push(subject: string, ...flags: readonly string[]): string;
}

/** A bare repository, and a clone that pushes to its `main`. */
export function origin(context: TestContext): Origin {
  const work = temporaryRepository(context);
  const home = temporaryFolder(context);
  const hub = join(home.dir, 'hub.git');
  home.git(['init', '-q', '--bare', hub]);
  for (const setting of ['uploadpack.allowFilter', 'http.receivepack']) {
    home.git(['config', setting, 'true'], hub);
  }
  const send = (...flags: readonly string[]): string => {
    work.git(['push', '-q', ...flags, hub, 'HEAD:refs/heads/main']);
    return work.git(['rev-parse', 'HEAD']);
  };
  send();
  return {
    work,
    home,
    hub,
    push: (subject, ...flags) => {
      work.git(['add', '-A']);
      work.git(['commit', '-q', '--allow-empty', '-m', subject]);
      return send(...flags);
    },
  };
}

export async function mirrorOf(
  { home, hub }: Origin,
  options: Partial<MirrorOptions> & { readonly url?: string } = {},
): Promise<Mirror> {
  const address = value(parseRemoteAddress(options.url ?? hub));
  return value(
    await openMirror({
      dir: join(home.dir, 'mirror.git'),
      address,
      branch: 'main',
      prefix: '',
      credentials: {},
      clock: systemClock,
      env: process.env,
      ...options,
    }),
  );
}

export function value<T, E>(result: Result<T, E>): T {
  assert.ok(result.ok, result.ok ? '' : JSON.stringify(result.error));
  return result.value;
}

export function refusal<T>(result: Result<T, Finding>): Finding {
  assert.ok(!result.ok, 'expected a finding');
  assert.ok((result.error.help ?? '').length > 0, 'a finding says what to do');
  return result.error;
}
