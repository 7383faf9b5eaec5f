import type { Finding, Refusal } from '../base/finding.ts';
import { nearestName } from '../base/nearest.ts';
import { err, ok, type Result } from '../base/result.ts';
import { checkCel } from '../cel/check.ts';
import { parseCel } from '../cel/parse.ts';
import { standardDeclarations } from '../cel/variables.ts';
import type { When } from '../model/condition-types.ts';
import { grantPlace, grantRuleId } from '../model/grant-place.ts';
import { isGuest, readGuest } from '../model/guest.ts';
import { everything, parseOperation } from '../model/operation.ts';
import type {
  Intent,
  Operation,
  Principal,
  Protocol,
  RoleName,
  Rule,
  Service,
  ServiceName,
} from '../model/types.ts';
import type { Grant, GrantScope } from './grant.ts';

interface Memory {
  readonly grants: readonly Grant[];
  readonly intent: Intent;
}

/** What was derived of an intent last: as long as nothing changes, what is compiled of it is the same. */
const memories = new WeakMap<Intent, Memory>();

/**
 * The intent with the rules of what is granted beside it. Only what is `active` counts, and only where it fits: names that
 * a commit took away are granted nothing. The same list of grants gives the same object.
 */
export function intentWith(intent: Intent, grants: readonly Grant[]): Intent {
  if (grants.length === 0) return intent;
  const known = memories.get(intent);
  if (known?.grants === grants) return known.intent;
  const added = Map.groupBy(
    grants.flatMap((grant) => {
      const rule = grantRule(intent, grant);
      return rule.ok ? [{ callee: grant.callee as ServiceName, rule: rule.value }] : [];
    }),
    ({ callee }) => callee,
  );
  const services = new Map(intent.services);
  for (const [callee, all] of added) {
    const service = services.get(callee);
    if (service === undefined) continue;
    const allow = [...service.allow, ...all.map(({ rule }) => rule)];
    services.set(callee, { ...service, allow });
  }
  const whole = added.size === 0 ? intent : { ...intent, services };
  memories.set(intent, { grants, intent: whole });
  return whole;
}

/** A grant that is in effect as one more allow rule of its callee; refused: it grants nothing under this intent. */
function grantRule(intent: Intent, grant: Grant): Result<Rule, Refusal> {
  const { id, state, reason } = grant;
  if (state.kind !== 'active') return err({ code: 'CH4232', message: 'it is not in effect' });
  const scope = resolveScope(intent, grant);
  if (!scope.ok) return scope;
  const { from, to } = scope.value;
  return ok({
    id: grantRuleId(id),
    at: grantPlace(id),
    effect: 'allow',
    from: [from],
    to,
    // Keeps it out of proxies, so that each use is decided and recorded at a desk, and ends it at every host by itself.
    conditions: { headers: [], hosts: [], when: before(state.untilMs) },
    mode: 'enforce',
    description: reason,
  });
}

function before(untilMs: number): When {
  const text = `time < timestamp("${new Date(untilMs).toISOString()}")`;
  const parsed = parseCel(text);
  const checked = parsed.ok ? checkCel(parsed.value, standardDeclarations(new Map())) : undefined;
  if (checked?.ok !== true) throw new Error(`the condition of a grant does not hold: ${text}`);
  return { text, expr: checked.value.expr };
}

/** A scope under an intent. */
export interface Resolved {
  readonly service: Service;
  readonly from: Principal;
  readonly to: readonly Operation[];
}

/** Errors: CH4232, what of it means nothing here, or cannot be granted. */
export function resolveScope(intent: Intent, scope: GrantScope): Result<Resolved, Refusal> {
  const { who, callee, operations } = scope;
  const service = intent.services.get(callee as ServiceName);
  if (service === undefined) {
    const nearest = nearestName(callee, intent.services.keys());
    return err(wrong(`there is no service "${callee}"`, nearest === undefined ? {} : { nearest }));
  }
  const { protocol } = service;
  if (protocol === 'tcp') {
    return err(
      wrong(`${callee} speaks TCP: a connection that was let in would outlive the grant`, {
        help: 'commit a rule, and take it back when it is not needed any more',
      }),
    );
  }
  const from = principalOf(intent, who);
  if (!from.ok) return from;
  const to = operationsOf(operations, protocol);
  return to.ok ? ok({ service, from: from.value, to: to.value }) : to;
}

function operationsOf(
  texts: readonly string[],
  protocol: Protocol,
): Result<readonly Operation[], Refusal> {
  if (texts.length === 0) return ok([everything(protocol)]);
  const found: Operation[] = [];
  for (const text of texts) {
    const operation = parseOperation(text, protocol);
    if (!operation.ok) return err(wrong(`"${text}" is no operation: ${operation.error}`));
    found.push(operation.value);
  }
  return ok(found);
}

const rolePrefix = 'role:';

/** One service, role, person or guest; a grant for everybody is no grant of this kind. */
function principalOf({ mesh, services }: Intent, text: string): Result<Principal, Refusal> {
  if (services.has(text as ServiceName)) {
    return ok({ kind: 'service', service: text as ServiceName });
  }
  if (text.startsWith(rolePrefix)) {
    const role = text.slice(rolePrefix.length) as RoleName;
    const members = mesh.roles.get(role);
    if (members !== undefined) {
      return ok({ kind: 'role', role, services: members, guests: mesh.guests.get(role) ?? [] });
    }
    const nearest = nearestName(role, mesh.roles.keys());
    const more = nearest === undefined ? {} : { nearest: `${rolePrefix}${nearest}` };
    return err(wrong(`there is no role "${role}"`, more));
  }
  if (!isGuest(text) || text.endsWith('/**')) {
    const nearest = nearestName(text, services.keys());
    return err(
      wrong(`"${text}" is nobody to whom access can be granted`, {
        expected: 'a service, role:NAME, person:NAME or spiffe://PARTNER/NAME of a peer',
        ...(nearest === undefined ? {} : { nearest }),
      }),
    );
  }
  const findings: Finding[] = [];
  const at = grantPlace('new');
  const guest = readGuest({ text, at }, mesh, (finding) => findings.push(finding));
  if (guest !== undefined) return ok({ kind: 'guest', guest });
  const [{ message, expected } = { message: `"${text}" is nobody here`, expected: undefined }] =
    findings;
  return err(wrong(message, expected === undefined ? {} : { expected }));
}

function wrong(message: string, more: Partial<Refusal> = {}): Refusal {
  return { code: 'CH4232', message, ...more };
}
