import { type Verified, verify } from '../app/verify/verify.ts';
import { resolveEnvoy } from '../envoy/resolve.ts';
import type { WhyAnswer, WhyQuestion } from '../explain/why.ts';
import type { Intent } from '../model/types.ts';
import type { HelpLine } from './arguments.ts';
import { factLines } from './facts-text.ts';
import { paint, type Terminal } from './terminal.ts';

export const verifyHelp: readonly HelpLine[] = [
  [
    '--verify',
    'also sends it through a real Envoy with the compiled configuration, on ports of its own, and compares. What is not said is left out (headers, token); claims are signed with a throw-away key that the verified policy believes. Such an Envoy is found or fetched as by `chancery envoy path`.',
  ],
];

/** Starts what it needs, and ends it, also when the person ends this. */
export async function verified(
  intent: Intent,
  question: WhyQuestion,
  given: { readonly answer: WhyAnswer; readonly bearer: string | undefined },
  terminal: Terminal,
): Promise<Verified> {
  const { path: envoyPath } = await resolveEnvoy({
    env: process.env,
    onProgress: (text) => terminal.err(text),
  });
  const interrupted = new AbortController();
  const stop = (): void => interrupted.abort();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, stop);
  try {
    return await verify({ intent, question, ...given, envoyPath, signal: interrupted.signal });
  } finally {
    for (const signal of signals) process.off(signal, stop);
  }
}

export function verifiedText(
  result: Verified,
  { decision }: WhyAnswer,
  terminal: Terminal,
): string {
  const { agrees, found, latencyMs, remark } = result;
  const what = [
    ...(found.status === undefined ? [] : [String(found.status)]),
    ...(found.grpcStatus === undefined ? [] : [`grpc-status ${found.grpcStatus}`]),
    ...(found.code === undefined ? [] : [found.code]),
    found.rule === undefined ? found.kind : `${found.kind}/${found.rule}`,
    places[found.in],
    `${Math.max(1, Math.round(latencyMs))} ms`,
  ].join(', ');
  const aside = remark === undefined ? '' : `; ${remark}`;
  const head = agrees
    ? `${paint(terminal, 'green', 'a real Envoy agrees')} (${what})${aside}`
    : `${paint(terminal, 'red', 'DIFFERENT')} CH2112: a real Envoy says (${what})${aside}`;
  const lines = [head, ...sentLines(result, decision.kind === 'depends')];
  const facts = lines.map((line, at) => [at === 0 ? 'verified' : '', line] as const);
  return factLines(facts, { indent: '  ', width: terminal.width }).join('\n');
}

const places: Readonly<Record<Verified['found']['in'], string>> = {
  handshake: 'at the TLS handshake',
  listener: 'before any rule',
  proxy: 'in the proxy',
  desk: 'at the desk',
};

function sentLines({ sent }: Verified, depends: boolean): string[] {
  const { without, otherwise, signedFor } = sent;
  return [
    ...(depends && without.length > 0
      ? [`sent without ${without.join(' and without ')}, of which nothing is said`]
      : []),
    ...otherwise.map((text) => `sent ${text}`),
    ...(signedFor === undefined
      ? []
      : [
          `its token is signed with a throw-away key, which stands in for the keys of ${signedFor}`,
        ]),
  ];
}

/** For `--json`. */
export function verifiedReply({ agrees, found, latencyMs, remark, sent }: Verified) {
  return {
    agrees,
    ...(agrees ? {} : { code: 'CH2112' }),
    remark,
    ...{ kind: found.kind, rule: found.rule, in: found.in, status: found.status },
    grpcStatus: found.grpcStatus,
    ...{ reached: found.reached, answerCode: found.code, latencyMs: Math.round(latencyMs), sent },
  };
}
