import { testsOf } from '../app/checks.ts';
import { decideTest } from '../app/intent-tests.ts';
import { ChanceryError } from '../base/error.ts';
import type { Position } from '../base/finding.ts';
import { nearestName } from '../base/nearest.ts';
import { mayComeIn } from '../explain/flow-diff.ts';
import { type SuggestedRule, type Suggestion, suggestRules } from '../explain/suggest-rules.ts';
import { type AllowText, replaceAllow } from '../model/allow-text.ts';
import { operationText } from '../model/operation.ts';
import { parseIntent } from '../model/parse.ts';
import type { Principal, Rule, Service } from '../model/types.ts';
import { policyDocument } from '../policy/document.ts';
import { usageError } from './arguments.ts';
import type { ExitCode } from './command.ts';
import { shortCommit } from './commit-text.ts';
import { count, namesText } from './diff-text.ts';
import { type IntentAt, intentOfFiles } from './intent-at.ts';
import type { PolicyCall } from './policy.ts';
import { recordedFlows } from './policy-sides.ts';
import { noTraffic } from './policy-unused.ts';
import { repositoryFor } from './repository-for.ts';

export async function policySuggest(call: PolicyCall): Promise<ExitCode> {
  const { words, values, terminal } = call;
  const [name, dir, ...more] = words;
  if (name === undefined || more.length > 0) {
    throw usageError('policy suggest takes a service and a folder');
  }
  const state = await intentOfFiles({ dir, values }, terminal);
  if (state === undefined) return 1;
  const service = serviceOf(state, name);
  const recorded = await recordedFlows({ dir, values }, name);
  const told = recorded.flows?.find((one) => one.service === name);
  if (told === undefined) {
    throw noTraffic(recorded.why || `no proxy of ${name} has told of its requests`);
  }
  const trustDomain = state.intent.mesh.trustDomain;
  const tests = testedRequests(state, name);
  const flows = told.flows.filter(mayComeIn(policyDocument(state.intent), name));
  const found = suggestRules(service, trustDomain, { flows, tests });
  const text = suggestedText(state.files, service, found);
  const { branch } = values;
  const commit =
    branch === undefined
      ? undefined
      : await onBranch({
          ...{ state, dir, service, found, text, branch },
          isPartial: told.isPartial,
        });
  const { requests, kept, dropped } = found;
  if (values.json) {
    const ids = (rules: readonly Rule[]) => rules.map(({ id }) => id);
    const rules = found.rules.map(({ from, to, of }) => ({ from, to, of: of?.id }));
    const { isPartial } = told;
    const made = {
      service: name,
      requests,
      overridden: found.overridden,
      isPartial,
      rules,
      kept: ids(kept),
      dropped: ids(dropped),
    };
    terminal.out(JSON.stringify({ ...made, file: service.at.file, text, branch, commit }));
    return 0;
  }
  if (commit === undefined) terminal.out(text.trimEnd());
  else
    terminal.out(`${branch}: commit ${shortCommit(commit)} on top of ${shortCommit(state.commit)}`);
  terminal.err(summary(found, told.isPartial));
  return 0;
}

function serviceOf({ intent }: IntentAt, name: string): Service {
  const service = [...intent.services.values()].find((one) => one.name === name);
  if (service !== undefined) return service;
  const nearest = nearestName(name, intent.services.keys());
  throw new ChanceryError({
    ...{ code: 'CH1030', message: `there is no service "${name}"` },
    expected: 'the name of a file in services/',
    ...(nearest === undefined ? {} : { nearest }),
  });
}

function testedRequests({ intent }: IntentAt, name: string) {
  return testsOf(intent).flatMap((test) => {
    if (test.to !== name || test.expect !== 'allow') return [];
    const { rule } = decideTest(intent, test);
    const path = test.path.split('?', 1)[0] ?? test.path;
    return rule === undefined ? [] : [{ from: test.from, method: test.method, path, rule }];
  });
}

/** Errors: what was made does not hold, which is a mistake of ours and must not become a commit. */
export function suggestedText(
  files: IntentAt['files'],
  service: Service,
  found: Suggestion,
): string {
  const { file } = service.at;
  const text = replaceAllow(files.get(file) ?? '', allowTexts(found));
  const { intent, findings } = parseIntent(new Map([...files, [file, text]]));
  const problem = findings.find(({ severity }) => severity === 'error');
  if (intent === undefined && problem !== undefined) throw new ChanceryError(problem);
  return text;
}

/** In the order of the file; what stays as it is keeps its words. */
function allowTexts({ kept, rules }: Suggestion): readonly AllowText[] {
  const used = new Set<Rule>();
  const texts = rules.map((rule) => {
    const { of, from, to } = rule;
    const isFirst = of !== undefined && !used.has(of);
    if (of !== undefined) used.add(of);
    const text: AllowText = isFirst
      ? { at: of.at, ...changedWords(rule, of) }
      : { at: undefined, from, to };
    return { text, place: of?.at };
  });
  const staying = kept.map(({ at }) => ({
    text: { at, from: undefined, to: undefined },
    place: at,
  }));
  return [...texts, ...staying]
    .sort((a, b) => comparePlaces(a.place, b.place))
    .map(({ text }) => text);
}

/** What has none comes last. */
function comparePlaces(a: Position | undefined, b: Position | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  return a.line - b.line || a.column - b.column;
}

function changedWords({ from, to }: SuggestedRule, of: Rule): Pick<AllowText, 'from' | 'to'> {
  return {
    from: sameWords(from, of.from.map(principalText)) ? undefined : from,
    to: sameWords(to, of.to.map(operationText)) ? undefined : to,
  };
}

function sameWords(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && new Set([...a, ...b]).size === a.length;
}

function principalText(who: Principal): string {
  switch (who.kind) {
    case 'any':
      return '*';
    case 'service':
      return who.service;
    case 'role':
      return `role:${who.role}`;
    case 'guest':
      return who.guest;
  }
}

interface OnBranch {
  readonly state: IntentAt;
  readonly dir: string | undefined;
  readonly service: Service;
  readonly found: Suggestion;
  readonly isPartial: boolean;
  readonly text: string;
  readonly branch: string;
}

async function onBranch({
  state,
  dir,
  service,
  found,
  isPartial,
  text,
  branch,
}: OnBranch): Promise<string> {
  const opened = await repositoryFor(dir);
  if (!opened.ok) throw new ChanceryError(opened.error);
  const base = await opened.value.resolve(state.commit);
  if (!base.ok) throw new ChanceryError(base.error);
  if (base.value === undefined) {
    throw usageError(`the repository does not hold ${shortCommit(state.commit)}, which runs`);
  }
  const subject = `Let in to ${service.name} what was seen, and no more`;
  const message = `${subject}\n\n${summary(found, isPartial)}\n`;
  const files = new Map([[service.at.file, text]]);
  const made = await opened.value.newBranch({ name: branch, base: base.value, files, message });
  if (!made.ok) throw new ChanceryError(made.error);
  return made.value;
}

const namesShown = 5;

function summary(
  { requests, rules, kept, dropped, overridden }: Suggestion,
  isPartial: boolean,
): string {
  const names = (all: readonly Rule[]) =>
    namesText(
      all.map(({ id }) => id),
      namesShown,
    );
  return [
    `${count(rules.length, 'rule', 'rules')} from ${count(requests, 'request', 'requests')} that came in, and from the tests of the service`,
    ...(kept.length === 0
      ? []
      : [`as they were, for what they look at is not recorded: ${names(kept)}`]),
    ...(dropped.length === 0 ? [] : [`gone, for they let nothing in: ${names(dropped)}`]),
    ...(overridden === 0
      ? []
      : [
          `${count(overridden, 'request', 'requests')} asked for another method or path by a header or a query, which is not recorded: add what lets that in`,
        ]),
    ...(isPartial ? ['some requests were not recorded: look twice'] : []),
  ].join('\n');
}
