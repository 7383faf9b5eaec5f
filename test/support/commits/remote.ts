import type { IntentSource } from '../../../src/app/intent-source.ts';
import { RemoteIntent } from '../../../src/app/remote-intent.ts';
import { sleep } from '../../../src/base/clock.ts';
import { err, ok } from '../../../src/base/result.ts';
import type { CommitId } from '../../../src/git/commit.ts';
import { commitUnreadable } from '../../../src/git/findings.ts';
import type { Mirror } from '../../../src/git/mirror.ts';
import { branchGone, remoteUnreachable } from '../../../src/git/remote-findings.ts';
import type { History } from './history.ts';
import type { ServerParts } from './server.ts';

export const remoteUrl = 'https://git.test/mesh.git';

/** The repository elsewhere as it can be reached now. */
export interface RemoteState {
  isAway: boolean;
  isBranchGone: boolean;
  fetchMs: number;
}

/** What a mirror keeps on the disk of one machine. */
export interface MirrorDisk {
  accepted: CommitId | undefined;
}

const pollMs = 3_000;

/** The intent of a repository elsewhere as the control plane follows it, with nothing of Git but the history. */
export function remoteSource(
  {
    clock,
    random,
    log,
    history,
    remote,
    disk,
    takeBack,
    noticeMs,
  }: ServerParts & { readonly remote: RemoteState },
  folder: IntentSource,
): IntentSource {
  const mirror = mirrorOf(history, remote, disk, (ms) => sleep(clock, ms));
  const source = new RemoteIntent({
    ...{ mirror, pollMs, allowRewind: false, clock, random, log },
    ...{ signers: undefined, signingKey: undefined },
  });
  return {
    read: () => source.read(),
    at: (commit) => source.at(commit),
    place: async (commit) => {
      await source.keepUp();
      return folder.place(commit);
    },
    carried: async (commit, newer) => history.carried(commit, newer),
    watch: (onChange) => {
      const unwatch = source.watch(onChange);
      const unhear = history.watch(
        () => void clock.after(noticeMs(), () => source.pushed(undefined)),
      );
      return () => {
        unwatch();
        unhear();
      };
    },
    takeBack: async (request) => {
      const done = await takeBack(request, clock);
      void source.refresh();
      return done;
    },
    accepted: (commit) => source.accepted(commit),
    stand: (commit) => source.stand(commit),
    approve: (commit, by) => source.approve(commit, by),
    keepUp: () => source.keepUp(),
    get findings() {
      return source.findings;
    },
  };
}

function mirrorOf(
  history: History,
  remote: RemoteState,
  disk: MirrorDisk,
  passes: (ms: number) => Promise<void>,
): Mirror {
  const commit: Mirror['commit'] = async (id) => {
    if (!history.commits.has(id)) return err(commitUnreadable(id, 'it is not here'));
    const { commit: _, files: __, ...rest } = history.tree(id);
    return ok({ id, ...rest } as never);
  };
  const mirror: Partial<Mirror> = {
    ...{ url: remoteUrl, branch: 'main', prefix: '', dir: '', host: {} as Mirror['host'] },
    fetch: async () => {
      if (remote.fetchMs > 0) await passes(remote.fetchMs);
      if (remote.isAway) return err(remoteUnreachable(remoteUrl, 'it is away'));
      if (remote.isBranchGone) return err(branchGone(remoteUrl, 'main'));
      return ok(history.head.id);
    },
    accepted: async () => ok(disk.accepted),
    accept: async (id) => {
      disk.accepted = id;
      return undefined;
    },
    standsOn: async (later, earlier) => ok(history.contains(later, earlier)),
    commit,
    readTree: async (id) => ok(history.tree(id).files),
  };
  return mirror as Mirror;
}
