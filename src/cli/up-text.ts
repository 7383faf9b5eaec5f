import type { CheckResult } from '../app/checks.ts';
import type { LocalMesh } from '../app/local-mesh.ts';
import type { Finding } from '../base/finding.ts';
import { renderFindings } from '../base/finding-text.ts';
import { placeText } from '../base/place-text.ts';
import { unreachable } from '../base/result.ts';
import { textWidth } from '../base/text-width.ts';
import { fitted } from '../base/wrap.ts';
import type { MeshEvent, Rollout, StatusReply } from '../client/gen/api.ts';
import type { IntentTest } from '../model/types.ts';
import { shortCommit } from './commit-text.ts';
import { branchText } from './revision-text.ts';
import { prose, spare, table } from './table.ts';
import { paint, type Terminal } from './terminal.ts';

type Look = Pick<Terminal, 'color' | 'width'>;

/** One line per workload: what runs, as which process, and where to reach it. */
export function meshTable(mesh: LocalMesh, status: StatusReply | undefined, look: Look): string {
  const rows = mesh.planned.map(({ workload }) => {
    const known = status?.workloads.find((one) => one.workload.id === workload.id);
    const app = mesh.application(workload.id)?.state;
    const proxy = mesh.child(`proxy ${workload.id}`)?.state;
    const state = known?.workload.state ?? 'unknown';
    return [
      workload.service,
      workload.version,
      paint(look, state === 'ready' ? 'green' : 'yellow', state),
      pidOf(app),
      pidOf(proxy),
      `127.0.0.1:${workload.appPort}`,
      `127.0.0.1:${workload.egressPort}`,
      `${workload.address}:${workload.ingressPort}`,
    ];
  });
  const header = [
    'service',
    'version',
    'state',
    spare('app pid'),
    spare('proxy pid'),
    'app',
    'egress',
    'ingress (mTLS)',
  ];
  return `\n${table({ header, rows, width: look.width })}\n`;
}

function pidOf(state: { readonly kind: string; readonly pid?: number } | undefined): string {
  return state?.pid === undefined ? (state?.kind ?? '-') : String(state.pid);
}

/** Commands that show something, made of this very mesh: a request that passes, one that does not, and where to look. */
export function tryNext(
  mesh: LocalMesh,
  options: {
    readonly tests: readonly IntentTest[];
    readonly dir: string;
    /** How this program was called: what works when it is typed again. */
    readonly self: string;
    readonly look: Look;
  },
): string {
  const { tests, dir, self, look } = options;
  const plain = tests.filter(({ path }) => !path.includes('*'));
  const passes =
    plain.find((test) => test.expect === 'allow' && test.method === 'GET') ??
    plain.find((test) => test.expect === 'allow');
  const refused =
    plain.find((test) => test.expect === 'deny' && test.to === passes?.to) ??
    plain.find((test) => test.expect === 'deny');
  const lines: (readonly [string, string])[] = [
    ...curlLine(mesh, passes, 'passes'),
    ...curlLine(mesh, refused, 'is refused, with the reason'),
    [`${self} status ${dir}`, 'proxies, workloads and problems'],
    [`git -C ${dir} commit`, 'a change of the intent is live within a second'],
  ];
  const width = Math.max(...lines.map(([command]) => command.length));
  const beside = lines.map(
    ([command, what]) => `  ${command.padEnd(width)}   ${paint(look, 'dim', what)}`,
  );
  const fits = beside.every((line) => textWidth(line) <= look.width);
  // A command is never broken, and what it does is easier to miss than its end.
  const below = lines.flatMap(([command, what]) => [
    `  ${command}`,
    fitted(`      ${paint(look, 'dim', what)}`, look.width),
  ]);
  const texts = fits ? beside : below;
  return [paint(look, 'bold', 'try'), ...texts, ''].join('\n');
}

function curlLine(
  mesh: LocalMesh,
  test: IntentTest | undefined,
  what: string,
): (readonly [string, string])[] {
  const caller = mesh.planned.find(({ workload }) => workload.service === test?.from)?.workload;
  if (test === undefined || caller === undefined) return [];
  const { method, path, to, headers } = test;
  const words = [
    ...(method === 'GET' ? [] : ['-X', method]),
    ...[...headers].flatMap(([name, value]) => ['-H', `'${name}: ${value}'`]),
  ];
  const command = [
    'curl',
    '-x',
    `127.0.0.1:${caller.egressPort}`,
    ...words,
    `http://${to}${path}`,
  ].join(' ');
  return [[command, `as ${caller.service}, through its proxy: ${what}`]];
}

export function checkTable(results: readonly CheckResult[], look: Look): string {
  const rows = results.map((result) => [
    result.passed ? paint(look, 'green', 'pass') : paint(look, 'red', 'FAIL'),
    result.test.from,
    result.test.to,
    `${result.test.method} ${result.test.path}`,
    result.test.expect,
    result.got,
    `${result.status}${result.code === undefined ? '' : ` ${result.code}`}`,
    result.passed ? '' : result.detail.replaceAll(/\s+/g, ' '),
  ]);
  const header = ['', 'from', 'to', 'request', 'expect', 'got', 'answer', prose('')];
  return table({ header, rows, width: look.width });
}

/** One event in words, or the whole finding where a commit was refused; undefined: nothing that a person waits for. */
export function eventText(event: MeshEvent, look: Look): string | undefined {
  const line = eventLine(event, look);
  return line === undefined ? undefined : fitted(line, look.width);
}

function eventLine(event: MeshEvent, look: Look): string | undefined {
  switch (event.kind) {
    case 'accepted':
      return `accepted ${shortCommit(event.commit)} ${event.subject}`;
    case 'refused': {
      const sources = new Map(Object.entries(event.sources));
      const text = renderFindings(event.findings, {
        sources,
        color: look.color,
        width: look.width,
      });
      const head = `refused ${shortCommit(event.commit)} ${event.subject}; the last good commit goes on`;
      return `${paint(look, 'red', head)}\n${text}`;
    }
    case 'live':
      return liveLine(event, look);
    case 'nacked': {
      const [from] = event.from;
      const place = from === undefined ? '' : ` (${placeText(from)})`;
      return paint(
        look,
        'red',
        `${event.proxy} refused ${event.resource}${place}: ${event.message}`,
      );
    }
    case 'connected':
      return paint(look, 'dim', `the proxy of ${event.proxy} is connected`);
    case 'disconnected':
      return paint(look, 'yellow', `the proxy of ${event.proxy} is away`);
    case 'rollout':
      return rolloutLine(event.rollout, look);
    case 'problem':
      return problemLine(event.finding, look);
    case 'gate':
      return undefined;
    case 'waiting': {
      const sources = new Map(Object.entries(event.sources));
      const text = renderFindings(event.findings, {
        sources,
        color: look.color,
        width: look.width,
      });
      const head = `waits for approval: ${shortCommit(event.commit)} ${event.subject}; the last good commit goes on`;
      return `${paint(look, 'yellow', head)}\n${text}\n  approve it with: chancery approve ${shortCommit(event.commit)}`;
    }
    case 'superseded':
      return paint(
        look,
        'dim',
        `superseded ${shortCommit(event.commit)} by ${shortCommit(event.by)}`,
      );
    default:
      return unreachable(event);
  }
}

/** Before anything runs there is no good commit to go on with. */
export function firstRefusedText(
  event: MeshEvent & { readonly kind: 'refused' },
  look: Look,
): string {
  const sources = new Map(Object.entries(event.sources));
  const text = renderFindings(event.findings, { sources, color: look.color, width: look.width });
  const head = `refused ${shortCommit(event.commit)} ${event.subject}; nothing runs yet, and the commit that mends it goes on by itself`;
  return `${fitted(paint(look, 'red', head), look.width)}\n${text}`;
}

function problemLine(
  { code, severity, message, at, help }: Finding,
  look: Pick<Terminal, 'color'>,
): string {
  const where = at === undefined ? '' : ` at ${placeText(at)}`;
  const [hue, word] =
    severity === 'error' ? (['red', 'problem'] as const) : (['yellow', 'warning'] as const);
  return paint(
    look,
    hue,
    `${word}: ${code} ${message}${where}${help === undefined ? '' : `: ${help}`}`,
  );
}

const resourcesShown = 4;

function liveLine(event: MeshEvent & { kind: 'live' }, look: Pick<Terminal, 'color'>): string {
  const { proxies, tookMs } = event;
  const head = `live     ${shortCommit(event.commit)} on ${proxies.length} ${proxies.length === 1 ? 'proxy' : 'proxies'} in ${tookMs} ms`;
  const lines = proxies.map(({ proxy, resources }) => {
    const shown = resources.slice(0, resourcesShown).join(', ');
    const more = resources.length - resourcesShown;
    return `           ${proxy}: ${shown}${more > 0 ? ` and ${more} more` : ''}`;
  });
  return [paint(look, 'green', head), ...lines].join('\n');
}

/** One wave is no news: that the commit is live is said by itself. */
function rolloutLine(
  { commit, state, waves }: Rollout,
  look: Pick<Terminal, 'color'>,
): string | undefined {
  switch (state.kind) {
    case 'pushing': {
      const proxies = waves[state.wave]?.length ?? 0;
      const wave = `${shortCommit(commit)}: wave ${state.wave + 1} of ${waves.length}, ${proxies} proxies`;
      return waves.length > 1 ? paint(look, 'dim', wave) : undefined;
    }
    case 'halted':
      return paint(look, 'yellow', `${shortCommit(commit)} is halted by ${state.by}`);
    case 'taken-back': {
      const { reason, branch } = state;
      if (branch.kind === 'open' && branch.problem === undefined) {
        return paint(look, 'red', `${shortCommit(commit)} is taken back: ${reason}`);
      }
      const hue = 'problem' in branch ? 'red' : 'yellow';
      return paint(look, hue, `${shortCommit(commit)} was taken back: ${branchText(branch)}`);
    }
    case 'watching':
    case 'live':
      return undefined;
  }
}
