import type { Finding } from '../../base/finding.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import type { UpgradeReply } from '../../serve/api/wire-upgrade.ts';
import type { Publisher } from '../publisher.ts';
import type { Upgrades } from './upgrades.ts';

/** For a screen; which proxies have what is in `chancery proxy`. */
const resourcesShown = 20;
const resourcesNamed = 5;

type Parts = {
  readonly publisher: Publisher;
  readonly upgrades: Pick<Upgrades, 'rollout' | 'refused' | 'version'>;
};

/** How far it is what this version compiles otherwise; undefined: nothing is known to differ, now or lately. */
export function upgradeReply({ publisher, upgrades }: Parts): UpgradeReply | undefined {
  const { rollout, refused, version } = upgrades;
  const { hold, held, behind } = publisher;
  if (hold === undefined && rollout === undefined) return undefined;
  const resources = [...new Set([...held.values()].flat())].sort();
  return {
    ...{ version, proxies: held.size, held: behind.length },
    resources: resources.slice(0, resourcesShown),
    ...(hold === undefined ? {} : { before: hold.version }),
    ...(rollout === undefined ? {} : { rollout }),
    ...(refused === undefined ? {} : { refused }),
  };
}

/** What a person must know for as long as proxies go on with what another version compiled. */
export function upgradeFindings(parts: Parts): readonly Finding[] {
  const reply = upgradeReply(parts);
  const { hold } = parts.publisher;
  if (reply === undefined || hold === undefined || reply.held === 0) return [];
  const { held, proxies, resources, version, before, rollout, refused } = reply;
  const named = resources.slice(0, resourcesNamed).join(', ');
  const more = resources.length > resourcesNamed ? ', and more' : '';
  const differs = `${version} compiles otherwise: ${named}${more}`;
  const goOn = `${held} of ${proxies} proxies go on with what version ${before} compiled`;
  const error = refused?.message ?? backReason(rollout);
  if (error !== undefined) {
    return [
      {
        ...{ code: 'CH4250', severity: 'error' },
        message: `what this version compiles otherwise of the commit that runs was taken back, and ${goOn}`,
        found: error,
        notes: [differs],
        help: `start version ${before} again, or one that mends it; chancery revision resume tries it once more`,
      },
    ];
  }
  return [
    {
      ...{ code: 'CH4251', severity: 'warning' },
      message: `this version compiles the commit that runs otherwise than the one before, and ${goOn}`,
      found: progressOf(rollout),
      notes: [differs],
      help: 'it goes to them in waves, as a commit does: chancery revision list says how far it is; halt, resume and rollback hold for it',
    },
  ];
}

function backReason(rollout: Rollout | undefined): string | undefined {
  return rollout?.state.kind === 'taken-back' ? rollout.state.reason : undefined;
}

function progressOf(rollout: Rollout | undefined): string {
  if (rollout === undefined)
    return 'it has not begun: whoever leads is of another version, or proxies are coming back';
  const { state, waves } = rollout;
  const wave = 'wave' in state ? ` at wave ${state.wave + 1} of ${Math.max(1, waves.length)}` : '';
  return `${state.kind}${wave}${state.kind === 'halted' ? ` by ${state.by}` : ''}`;
}
