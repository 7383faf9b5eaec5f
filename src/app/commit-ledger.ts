import type { Clock } from '../base/clock.ts';
import type { LedgerKind } from '../base/ledger.ts';
import { contentHash } from '../compile/content-hash.ts';
import type { MeshEvent } from '../serve/api/wire.ts';
import type { Store } from '../store/store.ts';
import type { ControlPlane } from './control-plane.ts';

/** Files of one commit that are named with their hashes; of a larger change Git tells the rest. */
const filesMax = 200;

/** What became of each commit: accepted with the files that it changed, refused with its codes, live on its proxies. */
export function recordCommits(
  plane: ControlPlane,
  {
    store,
    clock,
    isLeading,
  }: {
    readonly store: Store;
    readonly clock: Clock;
    /** One of the replicas writes it down. */
    readonly isLeading: () => boolean;
  },
): void {
  let files: ReadonlyMap<string, string> = new Map();
  plane.events.follow((event) => {
    const record = (kind: LedgerKind, facts: Readonly<Record<string, string | number>>): void => {
      if (!('commit' in event) || !isLeading()) return;
      store.record({ atMs: clock.nowMs(), kind, subject: event.commit, facts });
    };
    switch (event.kind) {
      case 'accepted': {
        const { intent } = plane;
        const now = intent.kind === 'running' ? intent.tree.files : files;
        record('commit-accepted', {
          subject: event.subject,
          services: event.services,
          files: changedFiles(files, now),
        });
        files = now;
        return;
      }
      case 'refused':
        record('commit-refused', { subject: event.subject, why: reasons(event) });
        return;
      case 'live':
        record('commit-live', { proxies: event.proxies.length, tookMs: event.tookMs });
        return;
      default:
        return;
    }
  });
}

/** `hash path` a line; a hash of `-` is a file that is gone. */
function changedFiles(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string {
  const changed = [...after].filter(([path, text]) => before.get(path) !== text);
  const gone = [...before.keys()].filter((path) => !after.has(path));
  const lines = [
    ...changed.slice(0, filesMax).map(([path, text]) => `${contentHash(text)} ${path}`),
    ...gone.slice(0, filesMax).map((path) => `- ${path}`),
  ];
  return lines.join('\n');
}

function reasons({ findings }: Extract<MeshEvent, { readonly kind: 'refused' }>): string {
  return findings
    .filter(({ severity }) => severity === 'error')
    .map(({ code, at }) => (at === undefined ? code : `${code} ${at.file}:${at.line}`))
    .slice(0, filesMax)
    .join(', ');
}
