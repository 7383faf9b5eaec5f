import type { Finding } from '../base/finding.ts';
import { findingFields, type Log } from '../base/log.ts';
import type { Rollout } from '../rollout/rollout.ts';
import type { MeshEvent } from '../serve/api/wire.ts';

/** What became of commits and proxies, as lines of the control plane's log. Of findings the first ones are named. */
export function logMeshEvent(log: Log, event: MeshEvent): void {
  switch (event.kind) {
    case 'accepted':
      log.info('a commit was accepted', { commit: event.commit, subject: event.subject });
      return;
    case 'refused':
      log.warn('a commit was refused', { commit: event.commit, ...firstOf(event.findings) });
      return;
    case 'waiting':
      log.warn('a commit waits for approval', {
        commit: event.commit,
        ...firstOf(event.findings),
      });
      return;
    case 'superseded':
      log.info('a commit was superseded', { commit: event.commit, by: event.by });
      return;
    case 'rollout':
      logRollout(log, event.rollout);
      return;
    case 'live':
      log.info('a commit is live', {
        ...{ commit: event.commit, proxies: event.proxies.length, tookMs: event.tookMs },
      });
      return;
    case 'nacked': {
      const { proxy, resource, message, from } = event;
      log.error('a proxy refused a resource', { proxy, resource, problem: message, at: from[0] });
      return;
    }
    case 'problem': {
      const { severity } = event.finding;
      log[severity === 'error' ? 'error' : 'warn']('a problem', findingFields(event.finding));
      return;
    }
    // A start of the control plane alone would be a line for each proxy; the ledger has them, and every gate too.
    case 'connected':
    case 'disconnected':
    case 'gate':
      return;
  }
}

function logRollout(log: Log, { commit, state, waves }: Rollout): void {
  switch (state.kind) {
    case 'pushing':
      log.info('a wave gets the commit', {
        ...{ commit, wave: state.wave + 1, waves: waves.length },
        proxies: waves[state.wave]?.length ?? 0,
      });
      return;
    case 'halted':
      log.warn('a commit is halted', { commit, wave: state.wave + 1, by: state.by });
      return;
    case 'taken-back':
      // Told again with what became of the branch, of which there are lines of their own.
      if (state.branch.kind !== 'open' || state.branch.problem !== undefined) return;
      log.warn('a commit was taken back', { commit, code: 'CH4221', problem: state.reason });
      return;
    case 'watching':
    case 'live':
      return;
  }
}

/** The first error, and every code. */
function firstOf(findings: readonly Finding[]): Readonly<Record<string, unknown>> {
  const first = findings.find(({ severity }) => severity === 'error') ?? findings[0];
  if (first === undefined) return {};
  return { ...findingFields(first), codes: [...new Set(findings.map(({ code }) => code))] };
}
