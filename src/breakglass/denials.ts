import { coversOperation } from '../model/operation.ts';
import { namesCaller, namesGuest } from '../model/principal.ts';
import type { Principal, Rule } from '../model/types.ts';
import type { Resolved } from './grant-rule.ts';

/** Deny rules that stay above a grant, all or a part of it: no grant opens what a deny closes. */
export function denialsOver({ service, from, to }: Resolved): readonly Rule[] {
  return service.deny.filter(
    (rule) =>
      rule.mode === 'enforce' &&
      isAbout(rule, from) &&
      rule.to.some((denied) =>
        to.some((granted) => coversOperation(denied, granted) || coversOperation(granted, denied)),
      ),
  );
}

function isAbout(rule: Rule, who: Principal): boolean {
  switch (who.kind) {
    case 'any':
      return true;
    case 'service':
      return namesCaller(rule, who.service);
    case 'role':
      return (
        who.services.some((name) => namesCaller(rule, name)) ||
        who.guests.some((guest) => namesGuest(rule, guest))
      );
    case 'guest':
      // A person comes with some service of the mesh, and which one is not known.
      return namesGuest(rule, who.guest) || rule.from.some(({ kind }) => kind === 'any');
  }
}
