import type { SentAnswer } from './send.ts';

type LogLine = Readonly<Record<string, unknown>>;

/** Where a request was decided; `handshake` and `listener`: refused ahead of any rule. */
type DecidedIn = 'handshake' | 'listener' | 'proxy' | 'desk';

/** What became of a request in a real Envoy. */
export type Observed =
  | {
      readonly kind: 'allow' | 'deny';
      readonly in: DecidedIn;
      /** Undefined: none decided. */
      readonly rule: string | undefined;
      readonly status: number | undefined;
      readonly grpcStatus: string | undefined;
      readonly code: string | undefined;
      /** Whether the application got it. */
      readonly reached: boolean;
      /** Why, where it was refused ahead of any rule. */
      readonly why: string | undefined;
    }
  | { readonly kind: 'none'; readonly why: string };

/** Reads the proxy's own log, which names the rule; the answer alone does not tell it of an allow. */
export function observed(answer: SentAnswer, log: readonly LogLine[], reached: boolean): Observed {
  // The first connection only asked whether the proxy listens, and nobody was on it.
  const line = log.find(
    ({ kind, caller }) => kind === 'request' || (kind === 'connection' && caller),
  );
  if (answer.kind === 'connection') return connectionObserved(answer.isOpen, line, log, reached);
  if (line === undefined && answer.kind === 'cut') return handshakeObserved(log, answer.why);
  if (answer.kind === 'cut') return { kind: 'none', why: `no answer: ${answer.why}` };
  const { status, headers } = answer;
  const code = headers.get('x-chancery-code');
  const grpcStatus = headers.get('grpc-status');
  const found = { status, grpcStatus, code, reached, why: undefined };
  const [verdict = '', rule] = split(textOf(line?.['rule']));
  if (verdict === 'allow' || verdict === 'deny')
    return { ...found, kind: verdict, rule, in: 'proxy' };
  const desk = (line?.['decision'] ?? {}) as LogLine;
  const { kind } = desk;
  if (kind === 'allow' || kind === 'deny') {
    return { ...found, kind, rule: textOf(desk['rule']), in: 'desk' };
  }
  if (verdict === '' && status >= 400 && !reached) {
    const why = textOf(line?.['details']) ?? 'malformed to Envoy';
    return { ...found, kind: 'deny', rule: undefined, in: 'listener', why };
  }
  return {
    kind: 'none',
    why: `the desk was not reached (status ${status}${code ? ` ${code}` : ''})`,
  };
}

const ofNoRequest = { status: undefined, grpcStatus: undefined, code: undefined };

function handshakeObserved(log: readonly LogLine[], why: string): Observed {
  const failure = textOf(log.findLast(({ kind }) => kind === 'handshake')?.['failure']);
  return failure === undefined
    ? { kind: 'none', why }
    : {
        ...{ ...ofNoRequest, kind: 'deny', in: 'handshake', rule: undefined },
        ...{ reached: false, why: failure },
      };
}

function connectionObserved(
  isOpen: boolean,
  line: LogLine | undefined,
  log: readonly LogLine[],
  reached: boolean,
): Observed {
  const [verdict, rule] = split(textOf(line?.['rule']));
  const common = { ...ofNoRequest, in: 'proxy', reached, rule, why: undefined } as const;
  if (isOpen) return { ...common, kind: 'allow' };
  const code = textOf(line?.['code']);
  if (code === undefined) return handshakeObserved(log, 'the connection was cut');
  return { ...common, kind: 'deny', rule: verdict === 'deny' ? rule : undefined, code };
}

function split(name: string | undefined): readonly [string?, string?] {
  const at = name?.indexOf('/') ?? -1;
  return name === undefined || at === -1 ? [] : [name.slice(0, at), name.slice(at + 1)];
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
