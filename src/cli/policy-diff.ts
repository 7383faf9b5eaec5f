import { systemClock } from '../base/clock.ts';
import { placeText } from '../base/place-text.ts';
import { fitted } from '../base/wrap.ts';
import { type FlowEffect, type FlowVerdict, flowDiff } from '../explain/flow-diff.ts';
import { policySpaceDiff, questionsMax, type SpaceDiff } from '../explain/policy-space.ts';
import type { Intent, Rule } from '../model/types.ts';
import { policyDocument } from '../policy/document.ts';
import { usageError } from './arguments.ts';
import type { ExitCode } from './command.ts';
import { shortCommit } from './commit-text.ts';
import { count } from './diff-text.ts';
import type { PolicyCall } from './policy.ts';
import { policyMarkdown } from './policy-markdown.ts';
import {
  dayMs,
  type PolicySides,
  policySides,
  type Recorded,
  recordedFlows,
} from './policy-sides.ts';
import { agoText, answerText, cellText, issuerText } from './policy-text.ts';
import { prose, spare, table } from './table.ts';
import { type Hue, paint, type Terminal } from './terminal.ts';

export interface DiffFound {
  readonly sides: PolicySides;
  readonly space: SpaceDiff;
  readonly recorded: Recorded;
  readonly flows: readonly FlowVerdict[];
}

export async function policyDiff({ words, values, terminal }: PolicyCall): Promise<ExitCode> {
  const { format, json } = values;
  if (format !== undefined && format !== 'markdown' && format !== 'text') {
    throw usageError('--format is text or markdown');
  }
  const sides = await policySides(words, values, terminal);
  if (sides === undefined) return 1;
  const recorded = await recordedFlows({ dir: sides.dir, values });
  const [before, after] = [sides.before, sides.after].map(({ intent }) => policyDocument(intent));
  if (before === undefined || after === undefined) throw new Error('two sides');
  const found: DiffFound = {
    sides,
    space: policySpaceDiff(before, after),
    recorded,
    flows: flowDiff(before, after, recorded.flows ?? []),
  };
  const code = codeOf(found);
  if (json === true) terminal.out(JSON.stringify(replyOf(found, code)));
  else
    terminal.out(
      format === 'markdown' ? policyMarkdown(found, code) : textOf(found, code, terminal),
    );
  return code;
}

function codeOf({ space, flows }: DiffFound): ExitCode {
  if (flows.some(({ effect }) => effect === 'newly denied')) return 3;
  if (space.tooLarge.length > 0) return 1;
  return space.cells.length + space.issuers.length > 0 ? 2 : 0;
}

function replyOf({ sides, space, recorded, flows }: DiffFound, code: ExitCode) {
  const name = ({ commit, subject }: PolicySides['before']) => ({ commit, subject });
  return {
    ...{ before: name(sides.before), after: name(sides.after), exit: code },
    space,
    traffic:
      recorded.flows === undefined
        ? { looked: false, why: recorded.why }
        : {
            ...{
              looked: true,
              sinceMs: Math.floor(recorded.sinceMs),
              isPartial: isPartial(recorded),
            },
            ...summaryOf(flows),
            changes: flows.filter(({ effect }) => effect !== 'unchanged'),
          },
  };
}

export function isPartial({ flows = [] }: Recorded): boolean {
  return flows.some((one) => one.isPartial);
}

interface FlowSum {
  readonly flows: number;
  readonly requests: number;
}

export const effects: readonly FlowEffect[] = [
  'newly denied',
  'newly allowed',
  'uncertain',
  'unchanged',
];

export function sumOf(flows: readonly FlowVerdict[], effect: FlowEffect): FlowSum {
  const own = flows.filter((one) => one.effect === effect);
  return { flows: own.length, requests: own.reduce((sum, one) => sum + one.flow.requests, 0) };
}

function summaryOf(flows: readonly FlowVerdict[]): Readonly<Record<string, FlowSum>> {
  return Object.fromEntries(effects.map((effect) => [effect, sumOf(flows, effect)]));
}

/** Rows of what changes for one effect: who, what, how much, when last, and by what. */
export function flowRows(found: DiffFound, effect: FlowEffect): readonly (readonly string[])[] {
  const nowMs = systemClock.nowMs();
  return found.flows
    .filter((one) => one.effect === effect)
    .map(({ service, caller, flow, on }) => [
      `${caller === '' ? 'nobody known' : caller} -> ${service}`,
      `${flow.method} ${flow.path}`.trim(),
      String(flow.requests),
      agoText(nowMs - flow.lastMs),
      effect === 'uncertain' ? `depends on ${on.join('; ')}` : byText(found, service, flow.rule),
    ]);
}

/** The rule by which it was decided when it came, where it stands now. */
function byText({ sides }: DiffFound, service: string, id: string | undefined): string {
  const rule = id === undefined ? undefined : ruleOf(sides.before.intent, service, id);
  return rule === undefined ? (id ?? '') : `${placeText(rule.at)} ${rule.id}`;
}

function ruleOf(intent: Intent, service: string, id: string): Rule | undefined {
  const found = [...intent.services.values()].find(({ name }) => name === service);
  return [...(found?.allow ?? []), ...(found?.deny ?? [])].find((rule) => rule.id === id);
}

/** Nothing is recorded of the time before anybody told of it. */
export function sinceText({ sinceMs, flows = [] }: Recorded): string {
  const toldMs = Math.min(...flows.map((one) => one.sinceMs));
  const fromMs = flows.length === 0 ? sinceMs : Math.max(sinceMs, toldMs);
  const agoMs = systemClock.nowMs() - fromMs;
  return agoMs >= 2 * dayMs ? `last ${Math.round(agoMs / dayMs)} days` : `since ${agoText(agoMs)}`;
}

const look: Readonly<Record<FlowEffect, readonly [sign: string, hue: Hue]>> = {
  'newly denied': ['-', 'red'],
  'newly allowed': ['+', 'green'],
  uncertain: ['?', 'yellow'],
  unchanged: [' ', 'dim'],
};

function textOf(found: DiffFound, code: ExitCode, terminal: Terminal): string {
  const { sides } = found;
  const text = [
    `- ${shortCommit(sides.before.commit)} ${sides.before.subject}`,
    `+ ${shortCommit(sides.after.commit)} ${sides.after.subject}`,
    '',
    ...trafficText(found, terminal),
    '',
    ...spaceText(found.space, terminal),
    '',
    ...lastLine(code),
  ].join('\n');
  return fitted(text.trimEnd(), terminal.width);
}

export function lastLine(code: ExitCode): readonly string[] {
  if (code === 3) return ['exit 3: it would deny traffic that was seen'];
  return code === 1 ? ['exit 1: it cannot be told of every service'] : [];
}

function trafficText(found: DiffFound, terminal: Terminal): readonly string[] {
  const { recorded, flows } = found;
  if (recorded.flows === undefined) return [`Recorded traffic: not looked at, for ${recorded.why}`];
  const requests = flows.reduce((sum, { flow }) => sum + flow.requests, 0);
  const all = `${count(flows.length, 'flow', 'flows')}, ${count(requests, 'request', 'requests')}`;
  const partly = isPartial(recorded) ? '; some requests are in none of them' : '';
  return [
    `Recorded traffic, ${sinceText(recorded)} (${all}${partly})`,
    ...effects.flatMap((effect) => {
      const sum = sumOf(flows, effect);
      if (sum.flows === 0 && effect !== 'newly denied') return [];
      const [sign, hue] = look[effect];
      const what = `${count(sum.flows, 'flow', 'flows')}, ${count(sum.requests, 'request', 'requests')}`;
      const head = `  ${sign} ${effect}: ${what}`;
      return [
        paint(terminal, sum.flows === 0 ? 'dim' : hue, head),
        ...rowsText(found, effect, terminal),
      ];
    }),
  ];
}

function rowsText(found: DiffFound, effect: FlowEffect, terminal: Terminal): readonly string[] {
  const rows = effect === 'unchanged' ? [] : flowRows(found, effect);
  if (rows.length === 0) return [];
  const by = effect === 'uncertain' ? prose('why') : prose('by');
  const header = ['who', 'what', 'requests', spare('last seen'), by];
  const text = table({ header, rows, width: terminal.width - 6 });
  return text.split('\n').map((line) => `      ${line}`);
}

const signs = { added: '+', removed: '-', changed: '~' } as const;
const hues = { added: 'green', removed: 'red', changed: 'yellow' } as const;

function spaceText(space: SpaceDiff, terminal: Terminal): readonly string[] {
  const { cells, issuers, tooLarge, callees } = space;
  const compared = count(callees, 'service', 'services');
  const head = `Policy space (exact, whatever the traffic; ${compared})`;
  const found = cells.length + issuers.length + tooLarge.length;
  const none = found === 0 ? ['  nothing is permitted otherwise'] : [];
  return [
    head,
    ...none,
    ...cells.flatMap((cell) => {
      const { callee, effect, before, after } = cell;
      const line = `  ${signs[effect]} ${effect.padEnd(7)}  on ${callee}: ${cellText(cell)}`;
      const isPlain = [before, after].every(({ kind }) => kind !== 'if') && effect !== 'changed';
      const how = `      ${answerText(before)} -> ${answerText(after)}`;
      return [paint(terminal, hues[effect], line), ...(isPlain && !hasUnless(cell) ? [] : [how])];
    }),
    ...issuers.map((one) => paint(terminal, hues.changed, `  ~ tokens   ${issuerText(one)}`)),
    ...tooLarge.map((callee) => tooLargeText(callee)),
  ];
}

export function tooLargeText(callee: string): string {
  return `  ! ${callee} is too large to compare: its patterns cut all paths into more than ${questionsMax} parts`;
}

function hasUnless({ before, after }: SpaceDiff['cells'][number]): boolean {
  return [before, after].some((one) => one.kind !== 'deny' && one.unless.length > 0);
}
