import { ChanceryError } from '../base/error.ts';
import { nearestName } from '../base/nearest.ts';
import { fitted } from '../base/wrap.ts';
import { whoCan } from '../explain/who-can.ts';
import { verdictOf, type WhyAnswer, type WhyQuestion, why } from '../explain/why.ts';
import { whyMatrix } from '../explain/why-matrix.ts';
import type { Intent, ServiceName } from '../model/types.ts';
import { usageError, type Values } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { targetFlags, targetHelp } from './control-target.ts';
import { type IntentAt, intentAt, intentAtFlags, intentAtHelp } from './intent-at.ts';
import { prose, table } from './table.ts';
import { paint, type Terminal } from './terminal.ts';
import { decisionFlags, decisionHelp, refuseWords, whyDecision } from './why-decision.ts';
import { matrixText } from './why-matrix.ts';
import {
  bearerOf,
  type Ends,
  endsOf,
  factsOf,
  questionFlags,
  questionHelp,
  requestOf,
  urlApart,
} from './why-question.ts';
import { whyText } from './why-text.ts';
import { verified, verifiedReply, verifiedText, verifyHelp } from './why-verify.ts';

const flags = {
  ...targetFlags,
  ...intentAtFlags,
  ...questionFlags,
  ...decisionFlags,
  in: { type: 'string' },
  matrix: { type: 'boolean' },
  verify: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

/** Between the two who call each other. */
const arrow = '->';
/** In the place of the caller: who can. */
const anybody = '*';

type WhyValues = Values<typeof flags>;

export const whyCommand = command({
  usage:
    'why A B METHOD PATH [--in DIR] [--at COMMIT|TIME] [--header NAME=VALUE] [--token CLAIMS] [--verify] [--json]',
  text: [
    'What a request from A to B would get, and by which rule: with the engine that decides at every host. A is a service, or the SPIFFE ID of one elsewhere; METHOD PATH is pkg.Service/Method for gRPC, and left out for tcp.',
    '',
    ["why '*' B METHOD PATH", 'who can: everybody who may send it'],
    ['why A B --matrix', 'every method and path that a rule or test of B names'],
    ['--in DIR', 'the intent folder, or the mesh that runs there; here unless said'],
    ...intentAtHelp,
    ...questionHelp,
    ...verifyHelp,
    ...decisionHelp,
    '',
    '0: allowed; 2: denied, or it depends; 1: it cannot be told, or --verify finds that a real Envoy does otherwise.',
    ...targetHelp,
  ],
  examples: [
    'chancery why checkout payments POST /v1/charges --in examples/shop --verify',
    "chancery why 'reports -> payments' GET /v1/charges/7 --at HEAD~1",
  ],
  flags,
  filler: arrow,
  run,
});

export const whoCanCommand = command({
  usage:
    'who-can B METHOD PATH [--in DIR] [--at COMMIT|TIME] [--header NAME=VALUE] [--token CLAIMS] [--json]',
  text: [
    'Everybody who may send a request to B, with the rule that lets them, as `chancery why` tells it for each.',
    '',
    ['--in DIR', 'the intent folder, or the mesh that runs there; here unless said'],
    ...intentAtHelp,
    ...questionHelp,
    '',
    '0: somebody can; 2: nobody; 1: it cannot be told.',
    ...targetHelp,
  ],
  examples: ['chancery who-can payments POST /v1/charges --in examples/shop'],
  flags,
  filler: arrow,
  run: (called) => run({ ...called, positionals: [anybody, ...called.positionals] }),
});

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const { decision, in: dir } = values;
  if (decision !== undefined) {
    refuseWords(positionals);
    return whyDecision(decision, { dir, values }, terminal);
  }
  const { rest, ...ends } = endsOf(positionals);
  const apart = urlApart(rest, values);
  return answer({ ...ends, rest: apart.words }, apart.values, terminal);
}

async function answer(ends: Ends, values: WhyValues, terminal: Terminal): Promise<ExitCode> {
  const state = await intentAt({ dir: values.in, values }, terminal);
  if (state === undefined) return 1;
  const { intent, isGranted } = state;
  knownOrThrow(ends, intent);
  const isAboutOne = values.matrix !== true && ends.from !== anybody;
  if (values.verify && !(isAboutOne && intent.services.has(ends.to as ServiceName))) {
    throw usageError('--verify is about one request to a service of this mesh');
  }
  // What is granted until a time is asked about as of now.
  const timed = isGranted && values.time === undefined ? { ...values, time: 'now' } : values;
  const facts = factsOf(timed, intent, ends.to);
  if (values.matrix) {
    refuseMatrix(ends, intent);
    return matrix(ends, state, facts, { terminal, json: values.json === true });
  }
  const { request } = requestOf(ends.rest, ends.to, intent);
  const question = { from: ends.from, to: ends.to, request, facts };
  if (ends.from === anybody) return who(question, state, values, terminal);
  return one(question, state, values, terminal);
}

function refuseMatrix({ from, to, rest }: Ends, { services }: Intent): void {
  if (rest.length > 0) throw usageError('--matrix is about all requests');
  if (from === anybody) throw usageError('--matrix is about one caller');
  if (services.get(to as ServiceName)?.protocol !== 'tcp') return;
  throw usageError(`${to} speaks tcp: there are no requests to tell of`);
}

async function one(
  question: WhyQuestion,
  { intent, commit, where }: IntentAt,
  values: WhyValues,
  terminal: Terminal,
): Promise<ExitCode> {
  const answer = why(intent, question);
  const text = `${question.from} -> ${question.to} ${requestText(question)}`;
  const json = values.json === true;
  if (!json) terminal.out(whyText(answer, { question: text, where }, terminal));
  const compared =
    values.verify === true
      ? await verified(intent, question, { answer, bearer: bearerOf(values) }, terminal)
      : undefined;
  if (json) {
    const more = compared && { verified: verifiedReply(compared) };
    terminal.out(JSON.stringify({ ...replyOf(answer, question, commit), ...more }));
  } else if (compared !== undefined) {
    // Lines of YAML may stand before it.
    if (answer.decision.kind !== 'allow') terminal.out('');
    terminal.out(verifiedText(compared, answer, terminal));
  }
  if (compared?.agrees === false) return 1;
  return answer.decision.kind === 'allow' && answer.otherHost === undefined ? 0 : 2;
}

function who(
  question: WhyQuestion,
  { intent, commit, where }: IntentAt,
  values: WhyValues,
  terminal: Terminal,
): ExitCode {
  const found = whoCan(intent, question);
  const { callers, asked } = found;
  if (values.json) {
    terminal.out(JSON.stringify({ commit, to: question.to, request: question.request, ...found }));
    return callers.length > 0 ? 0 : 2;
  }
  const head = `${question.to} ${requestText(question)} at ${where}: ${callers.length} of ${asked} identities`;
  terminal.out(fitted(head, terminal.width));
  const rows = callers.map(({ name, verdict, rules, dependsOn }) => [
    verdict === 'ALLOW' ? paint(terminal, 'green', 'allow') : paint(terminal, 'yellow', 'depends'),
    name,
    rules.join(', '),
    dependsOn.join(', '),
  ]);
  const header = ['', 'who', prose('rules'), prose('depends on')];
  if (rows.length > 0) terminal.out(table({ header, rows, width: terminal.width }));
  return callers.length > 0 ? 0 : 2;
}

function matrix(
  { from, to }: Ends,
  { intent, commit, where }: IntentAt,
  facts: WhyQuestion['facts'],
  { terminal, json }: { readonly terminal: Terminal; readonly json: boolean },
): ExitCode {
  const found = whyMatrix(intent, { from, to, facts });
  const { cells, isCut } = found;
  if (json) terminal.out(JSON.stringify({ commit, from, to, cells, ...(isCut && { isCut }) }));
  else {
    const head = fitted(`${from} -> ${to} at ${where}`, terminal.width);
    terminal.out(`${head}\n${matrixText(found, terminal)}`);
  }
  return 0;
}

function requestText({ request }: Pick<WhyQuestion, 'request'>): string {
  return request === undefined ? 'connect' : `${request.method} ${request.path}`;
}

function replyOf(answer: WhyAnswer, question: WhyQuestion, commit: string) {
  const { decision, caller, callee, path, route, decided, open, otherHost, staysHome } = answer;
  return {
    commit,
    ...{ from: question.from, to: question.to, request: question.request, path },
    verdict: verdictOf(decision).toLowerCase(),
    decision,
    ...{ caller, callee, decided, open, otherHost, staysHome },
    reasons: Object.fromEntries(answer.reasons),
    route: route && { id: route.route.id, at: route.route.at, split: route.route.split },
  };
}

/** A name that is no service is a slip of the hand more often than a question. */
function knownOrThrow({ from, to }: Ends, intent: Intent): void {
  for (const name of from === anybody ? [to] : [from, to]) {
    if (name.startsWith('spiffe://')) continue;
    if (intent.services.has(name as ServiceName)) continue;
    const nearest = nearestName(name, intent.services.keys());
    throw new ChanceryError({
      code: 'CH1030',
      message: `there is no service "${name}"`,
      expected: 'the name of a file in services/',
      ...(nearest === undefined ? {} : { nearest }),
    });
  }
}
