import type { Clock } from '../../base/clock.ts';
import type { Finding } from '../../base/finding.ts';
import { nearestName } from '../../base/nearest.ts';
import { apiTokens } from '../../identity/api-token.ts';
import type { BreakglassRules, NamedOperator } from '../../model/types.ts';
import type { Store } from '../../store/store.ts';

interface AbsentOperatorsParts {
  readonly store: Pick<Store, 'list'>;
  readonly clock: Clock;
  /** Of the running mesh.yaml. */
  readonly who: () => BreakglassRules['who'];
}

type Token = Awaited<ReturnType<typeof apiTokens>>[number];

/** Nobody waits for it: it is about a night to come. */
const askEveryMs = 60_000;
const tokenPrefix = 'token ';

/**
 * Tokens of `breakglass.who` that nobody has. No file says which ones there are, and who finds out when access is needed
 * finds out too late.
 */
export class AbsentOperators {
  readonly #parts: AbsentOperatorsParts;
  #tokens: readonly Token[] | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: AbsentOperatorsParts) {
    this.#parts = parts;
  }

  /** As far as it is known now; the store is asked meanwhile. */
  look(): readonly Finding[] {
    const { who, clock } = this.#parts;
    const named = (who() ?? []).filter(({ name }) => name.startsWith(tokenPrefix));
    if (named.length === 0) return [];
    void this.#ask();
    const tokens = this.#tokens;
    if (tokens === undefined) return [];
    return named.flatMap((one) => absent(one, tokens, clock.nowMs()) ?? []);
  }

  async #ask(): Promise<void> {
    const { store, clock } = this.#parts;
    if (clock.monotonicMs() - this.#askedAtMs < askEveryMs) return;
    this.#askedAtMs = clock.monotonicMs();
    try {
      this.#tokens = await apiTokens(store);
    } catch {
      // A store that is away is told of elsewhere.
    }
  }
}

function absent(
  { name, at }: NamedOperator,
  tokens: readonly Token[],
  nowMs: number,
): Finding | undefined {
  const wanted = name.slice(tokenPrefix.length);
  const found = tokens.find((token) => token.name === wanted);
  if (found !== undefined && found.endsMs > nowMs && found.role !== 'viewer') return undefined;
  const granting = tokens.filter(({ endsMs, role }) => endsMs > nowMs && role !== 'viewer');
  const nearest = nearestName(
    wanted,
    granting.map((token) => token.name),
  );
  return {
    code: 'CH1123',
    severity: 'warning',
    message: `"${name}" in \`breakglass\` of mesh.yaml can grant nothing: ${whyNot(found, nowMs)}`,
    at,
    ...(nearest === undefined ? {} : { nearest: `${tokenPrefix}${nearest}` }),
    help: `chancery token create ${wanted} --role operator makes one; chancery token list shows those there are`,
  };
}

function whyNot(found: Token | undefined, nowMs: number): string {
  if (found === undefined) return 'there is no such token';
  return found.endsMs <= nowMs ? 'the token has ended' : 'who only looks grants nothing';
}
