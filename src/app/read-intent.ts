import { type Finding, hasErrors } from '../base/finding.ts';
import { rootFindings } from '../identity/hosts/roots.ts';
import type { CarriedIntent } from '../model/carry.ts';
import { type ParsedIntent, parseIntent } from '../model/parse.ts';
import type { Intent } from '../model/types.ts';

/** The intent as the model reads it, and of what the model cannot look into: certificates and their time. */
export function readIntent(
  files: ReadonlyMap<string, string>,
  nowMs: number,
  known?: ParsedIntent,
): ParsedIntent {
  const parsed = parseIntent(files, known);
  if (parsed.intent === undefined) return carriedOf(parsed, nowMs);
  const found = rootFindings(parsed.intent.mesh.hosts, nowMs);
  const findings = [...parsed.findings, ...found];
  if (!hasErrors(found)) return { ...parsed, findings };
  return { ...parsed, intent: undefined, findings, carried: withoutRoots(parsed.intent, found) };
}

/** Who can read no root of a company lets in nobody by it. */
function withoutRoots(intent: Intent, found: readonly Finding[]): CarriedIntent {
  const hosts = { ...intent.mesh.hosts, x509pop: undefined, tpm: undefined };
  const errors = found.filter(({ severity }) => severity === 'error');
  return {
    intent: { ...intent, mesh: { ...intent.mesh, hosts } },
    errors: errors.map((error) => ({ ...error, meanwhile: 'no machine is let in by these roots' })),
  };
}

/** What is carried for other reasons is held against the same. */
function carriedOf(parsed: ParsedIntent, nowMs: number): ParsedIntent {
  const { carried } = parsed;
  const found = carried === undefined ? [] : rootFindings(carried.intent.mesh.hosts, nowMs);
  if (carried === undefined || !hasErrors(found)) return parsed;
  const { intent, errors } = withoutRoots(carried.intent, found);
  return { ...parsed, carried: { intent, errors: [...carried.errors, ...errors] } };
}
