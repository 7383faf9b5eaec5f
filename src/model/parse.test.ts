import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Finding } from '../base/finding.ts';
import { renderFindings } from '../base/finding-text.ts';
import { parseIntent } from './parse.ts';
import type { ServiceName } from './types.ts';

const mesh = `mesh: shop
trust_domain: shop.test
roles:
  support: [reports]
`;
const payments = `service: payments
owner: team-payments
protocol: http
port: 8082
health: GET /healthz
identity: { unix: { user: payments } }
allow:
  - from: checkout
    to: POST /v1/charges
  - from: role:support
    to: GET /v1/charges/*
routes:
  - match: { header: { x-beta: "1" } }
    to: v2
  - split: { v1: 90, v2: 10 }
    timeout: 2s
    retry: { attempts: 2, per_try_timeout: 600ms }
run:
  v1: node payments.ts
  v2: { command: "node payments.ts", port: 8092 }
tests:
  - { from: checkout, request: POST /v1/charges, expect: allow }
`;
const other = (name: string, port: number): string =>
  `service: ${name}\nowner: team\nprotocol: http\nport: ${port}\nrun: node ${name}.ts\n`;

type Files = Readonly<Record<string, string>>;

const base: Files = {
  'mesh.yaml': mesh,
  'services/payments.yaml': payments,
  'services/checkout.yaml': other('checkout', 8081),
  'services/reports.yaml': other('reports', 8085),
};

function parse(files: Files): ReturnType<typeof parseIntent> {
  return parseIntent(new Map(Object.entries(files)));
}

/** The base tree with one text of one file replaced. */
function edited(file: string, from: string, to: string): Files {
  const text = base[file] ?? '';
  assert.ok(text.includes(from), `${file} does not hold "${from}"`);
  return { ...base, [file]: text.replace(from, to) };
}

const inPayments = (from: string, to: string): Files => edited('services/payments.yaml', from, to);

/** Code, what the marker stands under (empty: anything), and the tree. */
const mistakes: readonly (readonly [string, string, Files])[] = [
  ['CH1001', '', inPayments('owner: team-payments', 'owner: [team')],
  ['CH1002', '', inPayments('port: 8082', 'port: 8082\nport: 8083')],
  ['CH1003', '', { ...base, 'services/payments.yaml': `# ${'x'.repeat(600_000)}` }],
  [
    'CH1004',
    '*who',
    inPayments('allow:\n  - from: checkout', 'description: &who checkout\nallow:\n  - from: *who'),
  ],
  ['CH1005', '', Object.fromEntries(Object.entries(base).filter(([file]) => file !== 'mesh.yaml'))],
  ['CH1006', '', { 'mesh.yaml': 'mesh: shop\ntrust_domain: shop.test\n' }],
  ['CH1009', 'limits', inPayments('owner:', 'limits: {}\nowner:')],
  ['CH1010', 'prot', inPayments('port: 8082', 'prot: 8082')],
  ['CH1011', '', inPayments('owner: team-payments', 'owner: { a: b }')],
  ['CH1012', '', inPayments('owner: team-payments\n', '')],
  ['CH1013', 'Payments', inPayments('service: payments', 'service: Payments')],
  ['CH1014', '2 seconds', inPayments('timeout: 2s', 'timeout: 2 seconds')],
  ['CH1015', '70000', inPayments('port: 8082', 'port: 70000')],
  ['CH1016', 'htp', inPayments('protocol: http', 'protocol: htp')],
  ['CH1017', 'POST /x', inPayments('GET /healthz', 'POST /x')],
  ['CH1018', '1s', edited('mesh.yaml', 'roles:', 'defaults: { svid_ttl: 1s }\nroles:')],
  ['CH1020', 'pay', inPayments('service: payments', 'service: pay')],
  ['CH1021', 'checkout', inPayments('service: payments', 'service: checkout')],
  ['CH1022', '8082', edited('services/reports.yaml', '8085', '8082')],
  [
    'CH1023',
    '',
    edited('services/reports.yaml', 'run:', 'identity: { unix: { user: payments } }\nrun:'),
  ],
  ['CH1024', 'Shop:1', edited('mesh.yaml', 'shop.test', 'Shop:1')],
  ['CH1030', 'chekout', inPayments('from: checkout\n', 'from: chekout\n')],
  ['CH1031', 'role:suport', inPayments('role:support', 'role:suport')],
  ['CH1032', 'support', edited('mesh.yaml', '[reports]', '[reports, "role:support"]')],
  ['CH1033', '[]', inPayments('from: checkout\n', 'from: []\n')],
  ['CH1034', 'POST', inPayments('to: POST /v1/charges', 'to: POST')],
  ['CH1035', '/a/**/b', inPayments('{ header: { x-beta: "1" } }', '{ path: /a/**/b }')],
  [
    'CH1037',
    '',
    inPayments(
      '  - from: role:support\n    to: GET /v1/charges/*',
      '  - from: checkout\n    to: POST /v1/charges',
    ),
  ],
  ['CH1040', '', inPayments('v1: 90', 'v1: 80')],
  ['CH1041', 'v3', inPayments('to: v2', 'to: v3')],
  [
    'CH1042',
    '',
    inPayments(
      '  - match: { header: { x-beta: "1" } }\n    to: v2\n',
      '  - to: v1\n  - match: { path: /a }\n    to: v2\n',
    ),
  ],
  [
    'CH1043',
    '',
    inPayments('  - split: { v1: 90, v2: 10 }\n', '  - match: { path: /a }\n    to: v1\n'),
  ],
  ['CH1044', '', inPayments('to: v2\n', 'timeout: 1s\n')],
  ['CH1046', '9', inPayments('attempts: 2', 'attempts: 9')],
  ['CH1050', '', inPayments('v1: node payments.ts', `v1: node "payments.ts`)],
  [
    'CH1051',
    '',
    edited(
      'services/reports.yaml',
      'run:',
      'calls: [{ service: payments, local_port: 9000 }]\nrun:',
    ),
  ],
  ['CH1090', '5h', edited('mesh.yaml', 'roles:', 'ca: { intermediate_ttl: 5h }\nroles:')],
  [
    'CH1091',
    '7d',
    edited('mesh.yaml', 'roles:', 'ca: { root_ttl: 7d, intermediate_ttl: 4d }\nroles:'),
  ],
  ['CH1060', 'POST', inPayments('request: POST /v1/charges', 'request: POST')],
];

describe('intent', () => {
  it('a good tree has no findings and keeps its order', () => {
    const { intent, findings } = parse(base);
    assert.deepEqual(findings, []);
    assert.deepEqual([...(intent?.services.keys() ?? [])], ['checkout', 'payments', 'reports']);
  });

  for (const [code, marked, files] of mistakes) {
    it(`${code} is found at its place, and the tree is refused`, () => {
      const { intent, findings } = parse(files);
      const finding = findings.find((one) => one.code === code);
      assert.ok(finding !== undefined, `found ${findings.map((one) => one.code).join(', ')}`);
      assert.equal(intent, undefined);
      if (marked !== '') assert.equal(markedText(finding, files), marked);
    });
  }

  it('a .yml file is a warning and does not refuse the tree', () => {
    const { intent, findings } = parse({ ...base, 'services/x.yml': 'a' });
    assert.deepEqual(
      findings.map((finding) => [finding.code, finding.severity]),
      [['CH1007', 'warning']],
    );
    assert.ok(intent !== undefined);
  });

  it('an error behind any number of warnings refuses the tree, and is told', () => {
    const callers = Array.from({ length: 1_200 }, () => 'reports').join(', ');
    const files = {
      ...base,
      'services/checkout.yaml': `${base['services/checkout.yaml']}\nallow: [{ from: [${callers}] }]\n`,
      'services/reports.yaml': `${base['services/reports.yaml']}\ndeny: [{ from: nobody }]\n`,
    };
    const { intent, findings } = parse(files);
    assert.equal(findings.length, 1_000);
    assert.deepEqual(
      findings.filter(({ severity }) => severity === 'error').map(({ code }) => code),
      ['CH1030'],
    );
    assert.equal(intent, undefined);
  });

  it('a field that narrows and has no value is an error at its key', () => {
    for (const rule of [
      'to:',
      'to: { request: }',
      'to: { request: GET /, headers: }',
      'to: { host: }',
      'token:',
      'token: { scopes: }',
      'when:',
      'mode:',
    ]) {
      const text = `${base['services/checkout.yaml']}\nallow:\n  - from: reports\n    ${rule}\n`;
      const { intent, findings } = parse({ ...base, 'services/checkout.yaml': text });
      assert.deepEqual(
        findings.map(({ code, severity }) => [code, severity]),
        [['CH1124', 'error']],
        rule,
      );
      assert.equal(intent, undefined);
    }
    for (const rule of ['to: {}', 'to: { headers: {} }', 'token: { claims: {} }']) {
      const text = `${base['services/checkout.yaml']}\nallow:\n  - from: reports\n    ${rule}\n`;
      const { findings } = parse({ ...base, 'services/checkout.yaml': text });
      assert.deepEqual(
        findings.map(({ code }) => code),
        ['CH1033'],
        rule,
      );
    }
  });

  it('what is as long as a file is told in short', () => {
    const text = `${base['services/checkout.yaml']}\nallow: [{ from: ${'x'.repeat(100_000)} }]\n`;
    const { findings } = parse({ ...base, 'services/checkout.yaml': text });
    assert.deepEqual(
      findings.map(({ code, message }) => [code, message.length < 500]),
      [['CH1030', true]],
    );
  });

  it('mistakes of several files are found at once', () => {
    const files = {
      ...inPayments('v1: 90', 'v1: 80'),
      'services/reports.yaml': other('reports', 8085).replace('owner', 'ownr'),
    };
    const codes = parse(files).findings.map((finding) => finding.code);
    assert.deepEqual([...codes].sort(), ['CH1010', 'CH1012', 'CH1040']);
  });

  it('an unknown name is answered with the nearest known one', () => {
    const { findings } = parse(inPayments('from: checkout\n', 'from: chekout\n'));
    assert.equal(findings[0]?.nearest, 'checkout');
  });

  it('the id of a rule stays when rules around it change', () => {
    const idOf = (files: Files): string | undefined =>
      [...(parse(files).intent?.services.values() ?? [])]
        .find((service) => service.name === 'payments')
        ?.allow.at(-1)?.id;
    const before = idOf(base);
    assert.equal(before, 'allow-role-support-get-v1-charges-any');
    assert.equal(idOf(inPayments('  - from: checkout\n    to: POST /v1/charges\n', '')), before);
  });

  it('a finding shows the line, the marker and the help', () => {
    const files = inPayments('port: 8082', 'prot: 8082');
    const { findings } = parse(files);
    const sources = new Map(Object.entries(files));
    const text = renderFindings(findings, {
      sources,
      color: false,
      width: Number.POSITIVE_INFINITY,
    });
    assert.match(
      text,
      /error\[CH1010\]: a service has no field `prot`\n *--> services\/payments\.yaml:4:1\n/,
    );
    assert.match(text, /4 \| prot: 8082\n *\| \^\^\^\^\n/);
    assert.match(text, /help: did you mean `port`\?/);
    assert.match(text, /2 errors$/);
  });

  it('no change of a character makes the parser throw or point outside of a file', () => {
    const next = seeded(7);
    const characters = '{}[]:,-*&!|>"\'#% \n\tazAZ09/.\\é';
    for (let round = 0; round < 1_500; round += 1) {
      const at = Math.floor(next() * payments.length);
      const char = characters[Math.floor(next() * characters.length)] ?? '';
      const cut = at + Math.floor(next() * 3);
      const text = payments.slice(0, at) + char + payments.slice(cut);
      const files = { ...base, 'services/payments.yaml': text };
      for (const finding of parse(files).findings) assertInside(finding, files);
    }
  });
});

describe('`identity`', () => {
  const identityOf = (text: string) => {
    const from = 'identity: { unix: { user: payments } }';
    const { intent, findings } = parse(inPayments(from, `identity: ${text}`));
    return { service: intent?.services.get('payments' as ServiceName)?.identity, findings };
  };

  it('takes every selector that attestation finds, and keeps apart what the host must show', () => {
    const text =
      '{ unix: { supplementary_gid: 7, path: /opt/pay }, parent: { path: /usr/bin/sup }, cgroup: { path: /a }, host: { name: "pay-*" } }';
    const { service } = identityOf(text);
    assert.deepEqual(
      service?.selectors.map(({ kind, value }) => `${kind}=${value}`),
      [
        'cgroup:path=/a',
        'parent:path=/usr/bin/sup',
        'unix:path=/opt/pay',
        'unix:supplementary_gid=7',
      ],
    );
    assert.deepEqual(service?.hostSelectors, [{ kind: 'host:name', value: 'pay-*' }]);
  });

  it('that asks only for a host asks for the user of the service, too', () => {
    const { service } = identityOf('{ host: { method: tpm } }');
    assert.deepEqual(service?.selectors, [{ kind: 'unix:user', value: 'payments' }]);
  });

  it('names what it does not know', () => {
    const { findings } = identityOf('{ parent: { colour: red } }');
    assert.match(findings[0]?.message ?? '', /`parent` has no selector `colour`/);
  });
});

function markedText(finding: Finding, files: Files): string {
  const { at } = finding;
  assert.ok(at !== undefined);
  const line = files[at.file]?.split('\n')[at.line - 1] ?? '';
  return line.slice(at.column - 1, at.column - 1 + at.length);
}

function assertInside(finding: Finding, files: Files): void {
  const { at } = finding;
  if (at === undefined) return;
  const lines = (files[at.file] ?? '').split('\n');
  assert.ok(at.line >= 1 && at.line <= lines.length, `line ${at.line} of ${lines.length}`);
  assert.ok(at.column >= 1 && at.column <= (lines[at.line - 1]?.length ?? 0) + 1);
}

/** A small linear congruential generator: the same numbers at every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}
