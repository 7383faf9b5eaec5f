import type { Finding } from '../../base/finding.ts';
import type { Intent } from '../../model/types.ts';
import { testsOf } from '../checks.ts';
import { type DecidedTest, decideTest } from '../intent-tests.ts';

/** Each `tests:` entry that this intent decides otherwise than it expects. */
export function testFindings(intent: Intent): readonly Finding[] {
  return testsOf(intent)
    .map((test) => decideTest(intent, test))
    .filter(({ passed }) => !passed)
    .map(finding);
}

function finding({ test, got, rule, reason }: DecidedTest): Finding {
  const because = reason ?? (rule === undefined ? undefined : `the rule ${rule}`);
  return {
    code: 'CH4201',
    severity: 'error',
    message: `the test "${test.name}" of ${test.to} does not hold: ${test.from} ${test.method} ${test.path}`,
    at: test.at,
    expected: test.expect,
    found: because === undefined ? got : `${got}, by ${because}`,
    help: 'correct the rule, or the test if it is the test that is out of date',
  };
}
