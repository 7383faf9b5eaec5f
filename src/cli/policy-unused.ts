import { systemClock } from '../base/clock.ts';
import { ChanceryError } from '../base/error.ts';
import { placeText } from '../base/place-text.ts';
import { timeText } from '../base/time-text.ts';
import { fitted } from '../base/wrap.ts';
import { type RuleStanding, ruleStandings } from '../explain/unused-rules.ts';
import { usageError } from './arguments.ts';
import type { ExitCode } from './command.ts';
import { count } from './diff-text.ts';
import { intentOfFiles } from './intent-at.ts';
import type { PolicyCall } from './policy.ts';
import { recordedFlows } from './policy-sides.ts';
import { agoText } from './policy-text.ts';
import { prose, table } from './table.ts';
import { paint } from './terminal.ts';

export async function policyUnused(call: PolicyCall): Promise<ExitCode> {
  const { words, values, terminal } = call;
  const [dir, ...more] = words;
  if (more.length > 0) throw usageError('policy unused takes one folder');
  const recorded = await recordedFlows({ dir, values });
  if (recorded.flows === undefined) throw noTraffic(recorded.why);
  const state = await intentOfFiles({ dir, values }, terminal);
  if (state === undefined) return 1;
  const all = ruleStandings(state.intent, recorded.flows, recorded.sinceMs);
  const unused = all.filter(({ standing }) => standing.kind === 'unused');
  const open = all.filter(({ standing }) => standing.kind === 'cannot be told');
  const code = unused.length > 0 ? 2 : open.length > 0 ? 1 : 0;
  if (values.json) {
    const { commit } = state;
    const rules = all.map(({ service, rule, standing }) => {
      const { id, effect, at } = rule;
      return { service, rule: id, effect, at, ...standing };
    });
    terminal.out(JSON.stringify({ commit, sinceMs: Math.floor(recorded.sinceMs), rules }));
    return code;
  }
  const used = all.length - unused.length - open.length;
  const summary = `${count(all.length, 'rule', 'rules')} at ${state.where}, traffic since ${timeText(recorded.sinceMs)}: ${used} used, ${unused.length} unused, ${open.length} cannot be told`;
  terminal.out(fitted(summary, terminal.width));
  const rows = [...unused, ...open].map((one) => rowOf(one, call));
  const header = ['', 'service', 'rule', 'where', 'known since', prose('why')];
  if (rows.length > 0) terminal.out(table({ header, rows, width: terminal.width }));
  return code;
}

function rowOf(
  { service, rule, standing }: RuleStanding,
  { terminal }: PolicyCall,
): readonly string[] {
  const isUnused = standing.kind === 'unused';
  const knownMs = standing.kind === 'used' ? undefined : standing.knownMs;
  return [
    paint(terminal, isUnused ? 'yellow' : 'dim', isUnused ? 'unused' : 'open'),
    service,
    `${rule.effect} ${rule.id}`,
    placeText(rule.at),
    knownMs === undefined ? '' : agoText(systemClock.nowMs() - knownMs),
    standing.kind === 'cannot be told' ? standing.because : 'no request that has ended met it',
  ];
}

export function noTraffic(why: string): ChanceryError {
  return new ChanceryError({
    code: 'CH5473',
    message: `there is no recorded traffic to look at: ${why}`,
    help: 'name the folder of a mesh that runs, or its control plane with --api',
  });
}
