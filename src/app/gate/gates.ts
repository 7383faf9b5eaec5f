import type { Gate } from './candidate.ts';
import { type EdgeTraffic, guardFindings } from './guard-rails.ts';
import { referenceFindings } from './references.ts';
import { testFindings } from './test-gate.ts';

/** Every gate after parse and compile. What a person may let pass comes last: then nothing else is wrong with it. */
export function gates(parts: {
  readonly envoy: Gate | undefined;
  readonly traffic: EdgeTraffic;
  readonly nowMs: () => number;
}): readonly Gate[] {
  const { envoy, traffic, nowMs } = parts;
  return [
    { name: 'tests', onErrors: 'refuse', check: ({ intent }) => testFindings(intent) },
    { name: 'references', onErrors: 'refuse', check: referenceFindings },
    ...(envoy === undefined ? [] : [envoy]),
    {
      name: 'guard',
      onErrors: 'hold',
      check: (candidate) => guardFindings(candidate, { traffic, nowMs: nowMs() }),
    },
  ];
}
