import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LedgerEntry } from '../base/ledger.ts';
import { auditText } from './audit.ts';

function told(kind: string, facts: LedgerEntry['facts']): string {
  return auditText({ seq: 1, atMs: 0, kind, subject: 's', facts });
}

test('a grant of break-glass says who may what before anything else', () => {
  const facts = {
    ...{ step: 'revoked', by: 'token bob', asked: 'token ann', who: 'reports', callee: 'pay' },
    ...{ operations: 'GET /a/**', reason: 'INC-1', ticket: 'T-1' },
  };
  assert.equal(
    told('breakglass', facts),
    'revoked: reports to pay (GET /a/**), by token bob, asked by token ann, because INC-1, ticket T-1',
  );
});

test('what became of a commit is a sentence at each step', () => {
  assert.equal(told('verdict', { verdict: 'accepted' }), 'accepted at the gates');
  assert.equal(
    told('verdict', { verdict: 'refused', codes: 'CH4204,CH4206' }),
    'refused at the gates, for CH4204, CH4206',
  );
  assert.equal(told('rollout-watching', { wave: 1, waves: 3 }), 'wave 1 of 3 is watched');
  assert.equal(told('rollout-pushing', { wave: 1, waves: 0 }), 'wave 1 of 1 is taking it');
  assert.equal(
    told('rollout-halted', { wave: 2, waves: 3, by: 'ann' }),
    'halted at wave 2 of 3, by ann',
  );
  assert.equal(
    told('rollout-taken-back', { reason: 'it hurts', branch: 'left', code: 'CH5331' }),
    'taken back: it hurts; the branch: left, CH5331',
  );
});
