import type { Finding, Position } from '../base/finding.ts';
import { nearestName } from '../base/nearest.ts';
import { checkCel } from '../cel/check.ts';
import { standardDeclarations } from '../cel/variables.ts';
import { celTypes } from './attributes-file.ts';
import type { ConditionsDraft, TokenDraft, WhenDraft } from './condition-file.ts';
import { type KnownNames, unknownNames } from './condition-names.ts';
import type { Conditions, TokenMatch, When } from './condition-types.ts';
import type { MeshDraft } from './mesh-file.ts';
import type { Report } from './roles.ts';
import { placeInText } from './yaml-file.ts';

/** Resolves what conditions name. A part that does not resolve is a finding, and then the intent is not taken. */
export function buildConditions(
  draft: ConditionsDraft,
  known: KnownNames,
  report: Report,
): Conditions {
  const { headers } = draft;
  const hosts = draft.hosts.map(({ text }) => text);
  for (const { text, at } of draft.hosts) {
    // Its proxy answers 421 to any other name (CH4111).
    if (text !== known.callee) report(neverHost(text, at, known.callee));
  }
  const token = draft.token && buildToken(draft.token, known.mesh, report);
  const when = draft.when && buildWhen(draft.when, known, report);
  return {
    headers,
    hosts,
    ...(token === undefined ? {} : { token }),
    ...(when === undefined ? {} : { when }),
  };
}

function neverHost(text: string, at: Position, callee: string): Finding {
  return {
    code: 'CH1143',
    severity: 'warning',
    message: `no request comes to ${callee} for the host "${text}"`,
    at,
    expected: `${callee}, the name by which it is called`,
    nearest: callee,
  };
}

function buildToken(draft: TokenDraft, mesh: MeshDraft, report: Report): TokenMatch {
  const { issuers, audiences, scopes, claims } = draft;
  for (const { text, at } of issuers) {
    if (mesh.issuers.has(text)) continue;
    const nearest = nearestName(text, mesh.issuers.keys());
    report({
      code: 'CH1113',
      severity: 'error',
      message: `there is no issuer "${text}"`,
      at,
      expected: 'a name of `issuers` in mesh.yaml',
      ...(nearest === undefined ? {} : { nearest }),
    });
  }
  return { issuers: issuers.map(({ text }) => text), audiences, scopes, claims };
}

const declarationsOf = new WeakMap<MeshDraft, ReturnType<typeof standardDeclarations>>();

function buildWhen(draft: WhenDraft, known: KnownNames, report: Report): When | undefined {
  const { mesh } = known;
  const declarations = declarationsOf.get(mesh) ?? standardDeclarations(celTypes(mesh.attributes));
  declarationsOf.set(mesh, declarations);
  const { text, places, parsed } = draft;
  const checked = checkCel(parsed, declarations);
  if (!checked.ok) {
    for (const { offset, length, message, expected, nearest } of checked.error) {
      report({
        code: 'CH1110',
        severity: 'error',
        message: `the condition cannot be decided: ${message}`,
        at: placeInText(places, offset, length),
        ...(expected === undefined ? {} : { expected }),
        ...(nearest === undefined ? {} : { nearest }),
      });
    }
    return undefined;
  }
  const { expr, constant } = checked.value;
  if (constant !== undefined) {
    report({
      code: 'CH1111',
      severity: 'warning',
      message: constant ? 'the condition always holds' : 'the condition never holds',
      at: placeInText(places, 0, text.length),
      help: constant ? 'take `when` out' : 'take the rule out, or say what was meant',
    });
  }
  for (const { at, length, name, expected, nearest } of unknownNames(expr, known)) {
    report({
      code: 'CH1143',
      severity: 'warning',
      message: `the condition looks for "${name}", which nothing here is`,
      at: placeInText(places, at, length),
      expected,
      ...(nearest === undefined ? {} : { nearest }),
    });
  }
  return { text, expr };
}
