import { hasErrors } from '../base/finding.ts';
import { rootFindings } from '../identity/hosts/roots.ts';
import { type ParsedIntent, parseIntent } from '../model/parse.ts';

/** The intent as the model reads it, and of what the model cannot look into: certificates and their time. */
export function readIntent(
  files: ReadonlyMap<string, string>,
  nowMs: number,
  known?: ParsedIntent,
): ParsedIntent {
  const parsed = parseIntent(files, known);
  if (parsed.intent === undefined) return parsed;
  const findings = [...parsed.findings, ...rootFindings(parsed.intent.mesh.hosts, nowMs)];
  return { ...parsed, intent: hasErrors(findings) ? undefined : parsed.intent, findings };
}
