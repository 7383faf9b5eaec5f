import type { UpgradeReply } from '../client/gen/api.ts';
import { progressText } from './revision-text.ts';
import { paint, type Terminal } from './terminal.ts';

/** Nobody else gets it until a person says. */
export function stands({ rollout, refused, held }: UpgradeReply): boolean {
  const kind = rollout?.state.kind;
  return held > 0 && (refused !== undefined || kind === 'halted' || kind === 'taken-back');
}

/** How far it is what a new version of the control plane compiles otherwise. */
export function upgradeText(upgrade: UpgradeReply, look: Pick<Terminal, 'color'>): string {
  const { version, before, proxies, held, resources, rollout, refused } = upgrade;
  const progress =
    refused !== undefined
      ? paint(look, 'red', `refused: ${refused.code} ${refused.message}`)
      : rollout === undefined
        ? 'has not begun'
        : progressText(rollout, look);
  const reason = rollout?.state.kind === 'taken-back' ? `: ${rollout.state.reason}` : '';
  const lines = [`what version ${version} compiles otherwise: ${progress}${reason}`];
  if (before !== undefined && held > 0) {
    lines.push(`  ${held} of ${proxies} proxies go on with what version ${before} compiled`);
    lines.push(`  ${resources.join(', ')}`);
  }
  return lines.join('\n');
}
