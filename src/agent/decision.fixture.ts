import type { LoggedDecision } from './decision-log.ts';

export const someDecision: LoggedDecision = {
  ...{ id: 'd-1', timeMs: 1_800_000_000_000, latencyUs: 42, side: 'ingress', service: 'payments' },
  proxy: 'payments-v1',
  ...{ principal: 'spiffe://acme/checkout', address: '10.1.2.3', method: 'POST' },
  ...{ path: '/v1/charges', host: 'payments', requestId: 'r-1', kind: 'allow', code: undefined },
  ...{ rule: 'r1', token: undefined, audits: undefined, undecided: undefined, fault: undefined },
  breakglass: undefined,
  policy: 'v-1',
  commit: 'c0ffee00',
  desk: undefined,
};

export const someDenial: LoggedDecision = { ...someDecision, kind: 'deny', code: 'CH2101' };
