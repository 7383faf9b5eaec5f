import type { Intent } from '../model/types.ts';
import { decisionOn, settledPart, verdictOf, type WhyQuestion } from './why.ts';

/** Everybody who may send a request, or may if more than is known fits. */
interface WhoCan {
  /** How many were looked at. */
  readonly asked: number;
  readonly callers: readonly Caller[];
}

interface Caller {
  readonly name: string;
  readonly verdict: 'ALLOW' | 'DEPENDS';
  /** The rule that lets it in, or those that may. */
  readonly rules: readonly string[];
  readonly dependsOn: readonly string[];
}

/** Services of the mesh, and those outside of it that some rule or some role names. */
export function whoCan(intent: Intent, question: Omit<WhyQuestion, 'from'>): WhoCan {
  const guests = guestsOf(intent);
  const names = [...intent.services.keys(), ...guests];
  const callers = names.flatMap((name): Caller[] => {
    const from = name.endsWith(everyone) ? memberOf(name, guests) : name;
    const decision = decisionOn(intent, { ...question, from });
    const verdict = verdictOf(decision);
    if (verdict === 'DENY') return [];
    const settled = settledPart(decision);
    const open = decision.kind === 'depends' ? decision : undefined;
    const rules = [
      ...(settled.kind === 'allow' ? [settled.rule.id] : []),
      ...(open?.rules ?? []).map(({ id }) => id),
    ];
    return [{ name, verdict, rules, dependsOn: open?.on ?? [] }];
  });
  return { asked: names.length, callers };
}

/** All of a trust domain: `spiffe://partner.test/**` stands for whoever there has no line of its own. */
const everyone = '/**';

/** Somebody of it whom nothing names. */
function memberOf(domain: string, guests: readonly string[]): string {
  const member = `${domain.slice(0, -everyone.length)}/any`;
  let at = 0;
  while (guests.includes(`${member}${at}`)) at += 1;
  return `${member}${at}`;
}

function guestsOf({ mesh, services }: Intent): readonly string[] {
  const named = [...services.values()].flatMap(({ allow, deny }) =>
    [...allow, ...deny].flatMap(({ from }) =>
      from.flatMap((who) => (who.kind === 'guest' ? [who.guest] : [])),
    ),
  );
  const guests = new Set<string>([...named, ...[...mesh.guests.values()].flat()]);
  return [...guests].filter((guest) => guest.startsWith('spiffe://')).sort();
}
