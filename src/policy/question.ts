import type { CelRead } from '../cel/value.ts';
import type { Caller } from './canonical-principal.ts';
import type { CompiledPolicy, CompiledService } from './compiled-policy.ts';
import { type Party, readOf } from './condition-read.ts';
import type { Action } from './decision.ts';
import type { RequestFacts } from './facts.ts';
import type { Principals } from './principals.ts';
import type { Wanted } from './texts.ts';

/** A request with all that was looked up about it. */
export interface Question {
  readonly policy: CompiledPolicy;
  readonly service: CompiledService;
  readonly caller: Caller;
  readonly principals: Principals;
  readonly action: Action;
  readonly wanted: Wanted;
  readonly facts: RequestFacts;
}

/** Made when the first condition reads something, and once for all of them. */
export function conditionRead(asked: Omit<Question, 'wanted'>): CelRead {
  let read: CelRead | undefined;
  return (name) => {
    read ??= readOf({
      source: sourceOf(asked),
      destination: partyOf(asked, asked.service.policy.name),
      action: asked.action,
      facts: asked.facts,
    });
    return read(name);
  };
}

function sourceOf(asked: Omit<Question, 'wanted'>): Party {
  const { policy, caller, principals } = asked;
  if (caller.trustDomain === policy.trustDomain) return partyOf(asked, caller.name);
  const { trustDomain, name } = caller;
  const principal = `spiffe://${trustDomain}/${name}`;
  return {
    service: name,
    trustDomain,
    principal,
    // A person behind a request adds to what its caller may do, and not to what the caller is.
    roles: rolesOf((principals.parts?.own ?? principals).allow),
    attributes: {},
  };
}

function partyOf({ policy }: Pick<Question, 'policy'>, name: string): Party {
  const { trustDomain } = policy;
  return {
    service: name,
    trustDomain,
    principal: `spiffe://${trustDomain}/${name}`,
    roles: rolesOf(policy.callers.get(name)?.allow ?? []),
    attributes: policy.services.get(name)?.policy.attributes ?? {},
  };
}

const rolePrefix = 'role ';

function rolesOf(principals: readonly string[]): readonly string[] {
  return principals.flatMap((key) =>
    key.startsWith(rolePrefix) ? [key.slice(rolePrefix.length)] : [],
  );
}
