import { createReadStream, existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { layoutOf } from '../app/layout.ts';
import { ChanceryError } from '../base/error.ts';
import { verdictOf, type WhyQuestion, why } from '../explain/why.ts';
import type { ServiceName } from '../model/types.ts';
import { nothingKnown } from '../policy/facts.ts';
import { type HelpLine, usageError, type Values } from './arguments.ts';
import type { ExitCode } from './command.ts';
import { shortCommit } from './commit-text.ts';
import { factLines } from './facts-text.ts';
import { type IntentAtValues, intentAt } from './intent-at.ts';
import type { Terminal } from './terminal.ts';
import { whyText } from './why-text.ts';

export const decisionHelp: readonly HelpLine[] = [
  [
    'why --decision ID [--log FILE]',
    'a decision of the log: what it was, the commit whose policy made it, and what the engine says by that commit. FILE is decisions.jsonl of a host (- reads it here); that of DIR unless said',
  ],
];

export const decisionFlags = {
  decision: { type: 'string' },
  log: { type: 'string' },
} as const;

type DecisionValues = IntentAtValues &
  Values<typeof decisionFlags> & { readonly json: boolean | undefined };

/** What is read of a line; lines of an older version have no commit. */
interface Line {
  readonly id: string;
  readonly timeMs: number;
  readonly side?: 'ingress' | 'egress';
  readonly service: string;
  readonly principal: string;
  readonly address: string;
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly kind: 'allow' | 'deny';
  readonly code?: string;
  readonly rule?: string;
  readonly policy?: string;
  readonly commit?: string;
  readonly breakglass?: string;
  readonly desk?: string;
}

/** Exit code 0: allowed; 2: denied. */
export async function whyDecision(
  id: string,
  given: { readonly dir: string | undefined; readonly values: DecisionValues },
  terminal: Terminal,
): Promise<ExitCode> {
  const { dir, values } = given;
  const { log } = values;
  const line = await lineOf(id, log === undefined ? logsIn(dir ?? '.') : [log]);
  const json = values.json === true;
  const replayed = await replay(line, given, terminal);
  if (json) {
    terminal.out(JSON.stringify({ decision: line, byCommit: replayed?.reply ?? null }));
  } else {
    terminal.out(
      [
        ...lineText(line, terminal.width),
        ...(replayed === undefined ? [] : ['', replayed.text]),
      ].join('\n'),
    );
  }
  return line.kind === 'allow' ? 0 : 2;
}

function logsIn(dir: string): readonly string[] {
  const { logsDir } = layoutOf(existsSync(dir) ? realpathSync(dir) : dir, process.env);
  const newest = join(logsDir, 'decisions.jsonl');
  return [newest, `${newest}.1`].filter((file) => existsSync(file));
}

async function lineOf(id: string, files: readonly string[]): Promise<Line> {
  for (const file of files) {
    const input = file === '-' ? process.stdin : createReadStream(file);
    for await (const text of createInterface({ input })) {
      // The id stands in it as it is; only such a line is worth a parse.
      if (!text.includes(id)) continue;
      const line = readLine(text);
      if (line?.id === id) return line;
    }
  }
  throw new ChanceryError({
    code: 'CH5009',
    message: `there is no decision "${id}" in ${files.join(' or ') || 'a log here'}`,
    help: 'the log is on the host of the desk that decided; hand it over by --log FILE or --log -',
  });
}

function readLine(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return undefined;
  }
}

function lineText(line: Line, width: number): readonly string[] {
  const { kind, code, rule, commit, policy, timeMs, principal, method, path, service } = line;
  const what = [kind.toUpperCase(), code, line.breakglass && `by grant ${line.breakglass}`];
  const who = principal || `the application of ${service}`;
  const facts = [
    [
      'decision',
      `${line.id} at ${new Date(timeMs).toISOString()}, asked by the ${line.side ?? 'tcp'} proxy of ${service}`,
    ],
    ['request', `${who}: ${method} ${path} on ${line.host}`],
    ...(line.desk === undefined ? [] : [['desk', `${line.desk}, of the pool`] as const]),
    ['rule', rule ?? 'none'],
    [
      'policy',
      `${policy ?? 'not said'}, of commit ${commit === undefined ? 'not said' : shortCommit(commit)}`,
    ],
  ] as const;
  return [what.filter(Boolean).join('  '), ...factLines(facts, { indent: '  ', width })];
}

/** The engine again, by the commit of the line; what no log holds is not known. */
async function replay(
  line: Line,
  given: Parameters<typeof whyDecision>[1],
  terminal: Terminal,
): Promise<{ readonly text: string; readonly reply: object } | undefined> {
  const { commit, principal, service, method, path, host, timeMs, address } = line;
  if (commit === undefined || line.side !== 'ingress' || principal === '') return undefined;
  const state = await intentAt(
    { ...given, values: { ...given.values, at: commit } },
    terminal,
  ).catch((error: unknown) => {
    if (error instanceof ChanceryError) terminal.err(error.message);
    return undefined;
  });
  if (state === undefined || !state.intent.services.has(service as ServiceName)) return undefined;
  const own = `spiffe://${state.intent.mesh.trustDomain}/`;
  const from = principal.startsWith(own) ? principal.slice(own.length) : principal;
  const question: WhyQuestion = {
    ...{ from, to: service, request: { method, path } },
    facts: { ...nothingKnown, host, timeMs, address },
  };
  const answer = why(state.intent, question);
  const { decision } = answer;
  const asked = `${from} -> ${service} ${method} ${path}`;
  return {
    text: whyText(answer, { question: asked, where: state.where }, terminal),
    reply: { commit: state.commit, verdict: verdictOf(decision).toLowerCase(), decision },
  };
}

export function refuseWords(words: readonly string[]): void {
  if (words.length > 0) throw usageError('--decision says what was asked by itself');
}
