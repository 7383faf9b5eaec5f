import { placeText } from '../base/place-text.ts';
import { fitted, wrapped } from '../base/wrap.ts';
import { settledPart, verdictOf, type WhyAnswer } from '../explain/why.ts';
import type { NearMiss, RuleRef } from '../policy/decision.ts';
import { paint, type Terminal } from './terminal.ts';

const labelWidth = 10;
const indent = '  ';
const gap = '  ';
/** A terminal narrower than this has its lines cut by itself. */
const narrowest = 60;
const clauses: Readonly<Record<NearMiss['clause'], string>> = {
  from: 'who',
  protocol: 'protocol',
  method: 'method',
  path: 'path',
  host: 'host',
  header: 'header',
  token: 'token',
  when: 'when',
};

/** Answer first, then what it hangs on, then what to do. */
export function whyText(
  answer: WhyAnswer,
  { question, where }: { readonly question: string; readonly where: string },
  terminal: Terminal,
): string {
  const sentence = sentenceOf(answer);
  const settled = settledPart(answer.decision);
  const help = settled.kind === 'deny' ? settled.help : undefined;
  return [
    fitted(`${verdictText(answer, terminal)}  ${question}  at ${where}`, terminal.width),
    ...(sentence === undefined ? [] : wrapped(sentence, prose(terminal)).map((one) => `  ${one}`)),
    '',
    ...aligned(factLinesOf(answer), terminal.width),
    ...(help === undefined ? [] : ['', fitted(help, terminal.width)]),
  ].join('\n');
}

function verdictText({ decision, otherHost }: WhyAnswer, terminal: Terminal): string {
  const verdict = verdictOf(decision);
  if (otherHost !== undefined && verdict !== 'DENY') {
    return paint(terminal, 'red', 'MISDIRECTED  CH4111');
  }
  const hue = { ALLOW: 'green', DENY: 'red', DEPENDS: 'yellow' } as const;
  const code = decision.kind === 'deny' ? `  ${decision.code}` : '';
  return `${paint(terminal, hue[verdict], verdict)}${code}`;
}

function sentenceOf({ decision, callee, otherHost }: WhyAnswer): string | undefined {
  switch (decision.kind) {
    case 'depends': {
      const meanwhile = settledPart(decision).kind === 'allow' ? 'allowed' : 'denied';
      return `on ${decision.on.join(', ')}; ${meanwhile} unless a rule below says otherwise`;
    }
    case 'deny':
      return decision.reason;
    case 'allow':
      return (
        otherHost && `allowed, but the proxy of ${callee.name} serves no host "${otherHost}": 421`
      );
  }
}

function factLinesOf(answer: WhyAnswer): string[][] {
  const { decision, caller, callee } = answer;
  const settled = settledPart(decision);
  return [
    ['who', caller.id, placeOf(caller.at)],
    ['callee', callee.name, placeOf(callee.at)],
    ...(answer.path === undefined ? [] : [['path', answer.path, '']]),
    ...routeLines(answer),
    ...ruleLines(answer),
    ...(answer.decided === undefined ? [] : [['decided', decidedText(answer.decided), '']]),
    ...openRouteLines(answer),
    ...openLines(answer),
    ...(settled.kind === 'deny'
      ? settled.closest.flatMap((miss) => [nearLine(miss), ...reasonLines(answer, miss)])
      : []),
    ...(decision.noted?.audits ?? []).map((rule) => [
      'audit',
      `${rule.effect} rule ${rule.id} would ${rule.effect} it`,
      ruleAt(rule),
    ]),
    ...(decision.noted?.faults ?? []).map(({ rule, message }) => [
      'fault',
      `rule ${rule.id}: ${message}`,
      ruleAt(rule),
    ]),
    ...(answer.staysHome
      ? [
          [
            'note',
            `no allow rule of ${callee.name} names the caller, so its own proxy has no way there (CH2103)`,
            '',
          ],
        ]
      : []),
  ];
}

function routeLines({ route }: WhyAnswer): string[][] {
  if (route === undefined) return [];
  const split = route.route.split.map(({ version, weight }) => `${version} ${weight}%`).join(', ');
  const maybe = route.maybe.map(({ id }) => id).join(', ');
  return [
    ['route', `${route.route.id} -> ${split}`, placeOf(route.route.at)],
    ...(maybe === ''
      ? []
      : [['', `with the right headers: ${maybe}`, placeOf(route.maybe[0]?.at)]]),
  ];
}

function ruleLines({ decision, callee, rules }: WhyAnswer): string[][] {
  const settled = settledPart(decision);
  if (settled.rule === undefined) {
    // A request that has no one reading was held against no rule.
    if (settled.kind === 'deny' && /^CH(?:212|41)/.test(settled.code)) return [];
    const allows = [...rules.values()].filter(({ effect }) => effect === 'allow').length;
    return [['rule', `none of ${allows} allow; denied by default`, callee.at?.file ?? '']];
  }
  const text = `${settled.rule.effect} rule ${settled.rule.id}`;
  const description = rules.get(settled.rule.id)?.description;
  return [
    ['rule', text, ruleAt(settled.rule)],
    ...(description === undefined ? [] : [['', description, '']]),
  ];
}

/** What becomes of it while nobody can be asked. */
function openRouteLines({ decided, route }: WhyAnswer): string[][] {
  const isOpen = route?.route.deskAway === 'open' && route.maybe.length === 0;
  if (decided?.by !== 'desk' || !isOpen) return [];
  const text = `while no desk answers it is let in, unless a denial may be about it: the route ${route.route.id} is open`;
  return [['', text, placeOf(route.route.at)]];
}

function openLines({ open }: WhyAnswer): string[][] {
  return open.map(({ rule, wants }) => [
    'depends',
    `rule ${rule.id} would ${rule.effect} it with: ${wants}`,
    ruleAt(rule),
  ]);
}

function decidedText({ by, because }: NonNullable<WhyAnswer['decided']>): string {
  return because === undefined ? `in the ${by}` : `at the ${by}: ${because}`;
}

function nearLine({ rule, clause, wanted, got }: NearMiss): string[] {
  return [
    'nearest',
    `${rule.id}: ${clauses[clause]} NO, wants ${wanted}, got ${got}`,
    ruleAt(rule),
  ];
}

function reasonLines({ reasons }: WhyAnswer, { rule, clause }: NearMiss): string[][] {
  const found = clause === 'when' ? (reasons.get(rule.id) ?? []) : [];
  return found.map(({ part, outcome, values }) => {
    const read = values.length === 0 ? '' : `: ${values.join(', ')}`;
    return ['', `${part} ${outcome}${read}`, ''];
  });
}

function ruleAt({ at }: RuleRef): string {
  return placeText(at);
}

function placeOf(at: { readonly file: string; readonly line: number } | undefined): string {
  return at === undefined ? '' : placeText(at);
}

function prose({ width }: Pick<Terminal, 'width'>): number {
  return Math.max(narrowest, width) - indent.length;
}

/** Places stand below each other; what does not fit beside its place has it underneath. */
function aligned(lines: readonly string[][], available: number): string[] {
  const places = Math.max(...lines.map(([, , place = '']) => place.length));
  const room = Math.max(narrowest, available) - indent.length - labelWidth;
  const width = Math.min(
    ...[60, room - gap.length - places],
    Math.max(...lines.map(([, text = '']) => text.length)),
  );
  return lines.flatMap(([label = '', text = '', place = '']) => {
    const beside = `${text.padEnd(width)}${gap}${place}`.trimEnd();
    const under = [...wrapped(text, room), ...(place === '' ? [] : [place])];
    const shown = beside.length <= room ? [beside] : under;
    return shown.map((one, at) => `${indent}${(at === 0 ? label : '').padEnd(labelWidth)}${one}`);
  });
}
