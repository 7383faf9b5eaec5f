import type { Position } from '../base/finding.ts';
import { nearestName } from '../base/nearest.ts';
import { buildAttributes } from './attributes-file.ts';
import { buildConditions } from './condition-build.ts';
import type { Guest } from './condition-types.ts';
import { containing, misreadNames } from './contained.ts';
import { isGuest, readGuest } from './guest.ts';
import type { MeshDraft } from './mesh-file.ts';
import { everything } from './operation.ts';
import { coversPath } from './path-pattern.ts';
import { type Report, unknownRole, unknownService } from './roles.ts';
import {
  coversMatch,
  matchesAll,
  misreadRoutes,
  type RouteDraft,
  versionsOf,
} from './route-file.ts';
import { misreadRule, type RuleDraft } from './rule-file.ts';
import {
  warnOfAskingAudits,
  warnOfConnectingPeople,
  warnOfIdleRules,
  warnOfNeverPeople,
} from './rule-warnings.ts';
import type { ServiceDraft } from './service-file.ts';
import type {
  Call,
  Identity,
  IntentTest,
  Principal,
  RoleName,
  Route,
  RouteId,
  Rule,
  Service,
  ServiceName,
  TestToken,
  VersionName,
} from './types.ts';

/** What one service may look up in the rest of the tree. */
interface Tree {
  readonly mesh: MeshDraft;
  readonly roles: ReadonlyMap<RoleName, readonly ServiceName[]>;
  readonly guests: ReadonlyMap<RoleName, readonly Guest[]>;
  readonly drafts: ReadonlyMap<ServiceName, ServiceDraft>;
  readonly report: Report;
}

/**
 * Resolves the names of one service file; what does not resolve is a finding in that file, and what is built of it allows
 * nothing more for that.
 */
export function buildService(
  draft: ServiceDraft,
  tree: Tree,
): { readonly service: Service; readonly isAttributesMisread: boolean } {
  checkRuleIds(draft, tree.report);
  const versions = versionsOfService(draft);
  const allowed = draft.allow.map((rule) => buildRule(rule, draft, tree));
  const denied = draft.deny.map((rule) => buildRule(rule, draft, tree));
  const [allow, deny] = [allowed.map(({ rule }) => rule), denied.map(({ rule }) => rule)];
  warnOfAskingAudits(deny, draft.decide ?? tree.mesh.defaults.decide, tree.report);
  if (draft.protocol === 'tcp') warnOfConnectingPeople([...allow, ...deny], tree.report);
  else warnOfNeverPeople([...allow, ...deny], tree.mesh.issuers, tree.report);
  warnOfIdleRules(wholeRules(allow, draft.allow), wholeRules(deny, draft.deny), tree.report);
  const attributes = containing(tree.report, misreadNames);
  const service = {
    name: draft.name,
    at: draft.at,
    owner: draft.owner,
    protocol: draft.protocol,
    port: draft.port,
    health: draft.health,
    identity: buildIdentity(draft),
    attributes: buildAttributes(draft.attributes, tree.mesh.attributes, attributes.report),
    decide: draft.decide,
    allow: allowed.flatMap(({ closed }) => closed ?? []),
    deny: denied.flatMap(({ closed }) => closed ?? []),
    routes: buildRoutes(draft, versions, containing(tree.report, misreadRoutes).report),
    versions,
    run: draft.run,
    calls: buildCalls(draft, {
      ...tree,
      report: containing(tree.report, 'the call is left out').report,
    }),
    tests: buildTests(draft, {
      ...tree,
      report: containing(tree.report, 'the test is left out').report,
    }),
  };
  const isAttributesMisread = draft.isAttributesMisread || attributes.isMisread();
  return { service, isAttributesMisread };
}

function wholeRules(rules: readonly Rule[], drafts: readonly RuleDraft[]): readonly Rule[] {
  return rules.filter((_rule, index) => drafts[index]?.isWhole === true);
}

function buildIdentity({ at, identityAt, name, selectors }: ServiceDraft): Identity {
  const [hostSelectors, own] = partition(selectors, ({ kind }) => kind.startsWith('host:'));
  return {
    at: identityAt ?? at,
    selectors: own.length > 0 ? own : [{ kind: 'unix:user', value: name }],
    hostSelectors,
  };
}

function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}

interface BuiltRule {
  /** As far as it is understood. */
  readonly rule: Rule;
  /** What it comes to where something is not: an allow to nothing, a denial to more than it says. */
  readonly closed: Rule | undefined;
}

function buildRule(draft: RuleDraft, { name, protocol }: ServiceDraft, tree: Tree): BuiltRule {
  const { id, at, effect, to, mode, description } = draft;
  const { services: nobody, everybody } = misreadPrincipals;
  const names = containing(tree.report, effect === 'allow' ? nobody : everybody);
  const from = draft.from.flatMap(
    (who) => buildPrincipal(who, { ...tree, report: names.report }) ?? [],
  );
  const known = { mesh: tree.mesh, services: tree.drafts, callee: name };
  const rest = containing(tree.report, misreadRule[effect]);
  const conditions = draft.conditions && buildConditions(draft.conditions, known, rest.report);
  const rule = { id, at, effect, from, to, conditions, mode, description };
  const isMisread = draft.isMisread || rest.isMisread();
  if (effect === 'allow')
    return { rule, closed: isMisread || from.length === 0 ? undefined : rule };
  const isAnybody = draft.isFromMisread || names.isMisread();
  const closed = {
    ...rule,
    from: isAnybody ? [anybody] : from,
    to: draft.isToMisread ? [everything(protocol)] : to,
    conditions: isMisread ? undefined : conditions,
  };
  return { rule, closed: isMisread || isAnybody ? closed : rule };
}

const misreadPrincipals = {
  services: 'the rule allows nobody by that name',
  everybody: 'the rule denies everybody',
};
const anybody: Principal = { kind: 'any' };

function buildPrincipal(who: RuleDraft['from'][number], tree: Tree): Principal | undefined {
  const { text, at } = who;
  if (text === '*') return { kind: 'any' };
  if (text.startsWith('role:')) {
    const role = text.slice('role:'.length) as RoleName;
    const services = tree.roles.get(role);
    const guests = tree.guests.get(role) ?? [];
    if (services !== undefined) return { kind: 'role', role, services, guests };
    tree.report(unknownRole(tree.mesh, at, role));
    return undefined;
  }
  if (isGuest(text)) {
    const guest = readGuest(who, tree.mesh, tree.report);
    return guest === undefined ? undefined : { kind: 'guest', guest };
  }
  const service = text as ServiceName;
  if (tree.drafts.has(service)) return { kind: 'service', service };
  tree.report(unknownService(at, text, tree.drafts.keys()));
  return undefined;
}

/** A given id is used once; of derived ids, a second one means that the rule stands twice. */
function checkRuleIds(draft: ServiceDraft, report: Report): void {
  const seen = new Map<string, RuleDraft>();
  for (const rule of [...draft.allow, ...draft.deny]) {
    const first = seen.get(rule.id);
    if (first === undefined) {
      seen.set(rule.id, rule);
      continue;
    }
    const related = [{ at: first.at, message: 'first here' }];
    const message = rule.named
      ? `the rule id "${rule.id}" is used twice`
      : 'the same rule stands twice';
    report({ code: 'CH1037', severity: 'error', message, at: rule.at, related });
  }
}

/** What runs, or where nothing runs here, what is routed to; `v1` when neither says. */
function versionsOfService(draft: ServiceDraft): readonly VersionName[] {
  const named = [...draft.run.keys(), ...(draft.run.size === 0 ? versionsOf(draft.routes) : [])];
  const unique = [...new Set(named)].sort();
  return unique.length === 0 ? ['v1' as VersionName] : unique;
}

function buildRoutes(
  draft: ServiceDraft,
  versions: readonly VersionName[],
  report: Report,
): readonly Route[] {
  checkVersions(draft, versions, report);
  checkReachable(draft, report);
  const whole = draft.routes.filter(({ isMisread }) => !isMisread);
  const routes = whole.map(({ split, isMisread: _, ...route }) => ({
    ...route,
    split: split.map(({ version, weight }) => ({ version, weight })),
  }));
  const hasCatchAll = draft.routes.some((route) => matchesEverything(route));
  if (whole.some(matchesEverything)) return routes;
  const [only] = versions;
  if (versions.length > 1 || only === undefined) {
    if (hasCatchAll) return routes;
    report({
      code: 'CH1043',
      severity: 'error',
      message: `${draft.name} has several versions and no route for the rest of its requests`,
      at: draft.at,
      expected: 'a last route without `match`',
      help: `end \`routes:\` with  - split: { ${versions.map((version, index) => `${version}: ${index === 0 ? 100 : 0}`).join(', ')} }`,
    });
    return routes;
  }
  const rest: Route = {
    id: 'default' as RouteId,
    at: draft.at,
    match: matchesAll,
    split: [{ version: only, weight: 100 }],
    timeoutMs: undefined,
    retry: undefined,
    deskAway: 'closed',
  };
  return [...routes, rest];
}

function matchesEverything({ match }: RouteDraft): boolean {
  return coversMatch(match, matchesAll, coversPath) || (match.path?.text === '/**' && bare(match));
}

function bare(match: RouteDraft['match']): boolean {
  return match.method === undefined && match.headers.length === 0 && match.query.length === 0;
}

function checkVersions(
  draft: ServiceDraft,
  versions: readonly VersionName[],
  report: Report,
): void {
  for (const share of draft.routes.flatMap((route) => route.split)) {
    if (versions.includes(share.version)) continue;
    report({
      code: 'CH1041',
      severity: 'error',
      message: `${draft.name} has no version "${share.version}"`,
      at: share.at,
      expected: `one of ${versions.join(', ')}`,
      help: 'add it to `run:`, or route to a version that runs',
    });
  }
}

/** The first match wins: what an earlier route takes whole, a later one never sees. */
function checkReachable(draft: ServiceDraft, report: Report): void {
  for (const [index, route] of draft.routes.entries()) {
    const earlier = draft.routes
      .slice(0, index)
      .find(
        (other) => coversMatch(other.match, route.match, coversPath) || matchesEverything(other),
      );
    if (earlier === undefined) continue;
    report({
      code: 'CH1042',
      severity: 'error',
      message: 'no request can reach this route',
      at: route.at,
      related: [{ at: earlier.at, message: 'takes all of its requests' }],
      help: 'move it up, or take it out',
    });
  }
}

function buildCalls(draft: ServiceDraft, tree: Tree): readonly Call[] {
  return draft.calls.flatMap((call) => {
    const callee = tree.drafts.get(call.service);
    if (callee === undefined) {
      tree.report(unknownService(call.nameAt, call.service, tree.drafts.keys()));
      return [];
    }
    if ((callee.protocol === 'tcp') !== (call.localPort !== undefined)) {
      const isTcp = callee.protocol === 'tcp';
      tree.report({
        code: 'CH1051',
        severity: 'error',
        message: isTcp
          ? `${call.service} speaks tcp and needs a local port`
          : `${call.service} needs no local port`,
        at: call.localPortAt ?? call.nameAt,
        expected: isTcp
          ? `{ service: ${call.service}, local_port: … }`
          : 'its name as the host, through the egress port',
      });
    }
    return [{ at: call.at, service: call.service, localPort: call.localPort }];
  });
}

function buildTests(draft: ServiceDraft, tree: Tree): readonly IntentTest[] {
  return draft.tests.map(({ fromAt, tokenAt, ...test }) => {
    if (!tree.drafts.has(test.from)) {
      tree.report(unknownService(fromAt, test.from, tree.drafts.keys()));
    }
    if (test.token !== undefined && tokenAt !== undefined)
      checkTestToken(test.token, tokenAt, tree);
    return { ...test, to: draft.name };
  });
}

/** A token that nobody could have signed counts as none, and a test that expects a denial would hold for that reason. */
function checkTestToken({ issuer }: TestToken, at: Position, { mesh, report }: Tree): void {
  const { issuers } = mesh;
  if (issuer === undefined ? issuers.size === 1 : issuers.has(issuer)) return;
  const nearest = issuer === undefined ? undefined : nearestName(issuer, issuers.keys());
  report({
    code: 'CH1113',
    severity: 'warning',
    message:
      issuer === undefined
        ? `the token of a test does not say which of ${issuers.size} issuers signed it`
        : `there is no issuer "${issuer}"`,
    at,
    expected: 'a name of `issuers` in mesh.yaml',
    ...(nearest === undefined ? {} : { nearest }),
  });
}
