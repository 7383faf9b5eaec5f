import type { Answer } from '../../policy/decision.ts';
import type { Metadata } from './check-response.ts';

/** Metadata goes into the access log, a line a request. */
const idsShownMax = 10;

/** What the access log of the proxy says of a decision, as texts. */
export function metadataOf(
  { id, desk }: { readonly id: string; readonly desk: string | undefined },
  decision: Answer,
): Metadata {
  const metadata: [string, string][] = [
    ['decision', id],
    ['kind', decision.kind],
  ];
  // Its log is on that host.
  if (desk !== undefined) metadata.push(['desk', desk]);
  if (decision.rule !== undefined) metadata.push(['rule', decision.rule.id]);
  if (decision.kind === 'deny') metadata.push(['code', decision.code]);
  const { audits = [], faults = [] } = decision.noted ?? {};
  // A rule that would have done what was done anyway changes nothing by being enforced.
  const changing = audits.filter(({ effect }) => effect !== decision.kind);
  push(metadata, 'audit', new Set(changing.map((rule) => rule.id)));
  push(metadata, 'faults', new Set(faults.map(({ rule }) => rule.id)));
  return metadata;
}

function push(metadata: [string, string][], name: string, ids: ReadonlySet<string>): void {
  if (ids.size > 0) metadata.push([name, [...ids].slice(0, idsShownMax).join(' ')]);
}
