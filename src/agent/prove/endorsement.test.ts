import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Maker, newMaker } from '../../../test/support/ek-certificates.ts';
import { akAttributes, softAk } from '../../../test/support/soft-tpm.ts';
import { noTpm, SoftwareTpm } from '../../../test/support/swtpm.ts';
import { systemRandom as random } from '../../base/random.ts';
import { member } from '../../identity/hosts/json-bytes.ts';
import { tpmAttestor } from '../../identity/hosts/tpm.ts';
import { makeCredential } from '../../identity/hosts/tpm-credential.ts';
import { readTpmPublic, type TpmPublic, tpmName } from '../../identity/hosts/tpm-public.ts';
import { toPem } from '../../identity/pem.ts';
import type { TpmAdmission } from '../../model/types.ts';
import { withTpm } from '../tpm2-tools.ts';
import { tpmProver } from './tpm.ts';

const nowMs = Date.parse('2026-11-01T12:00:00Z');
const publicKeySpki = Uint8Array.of(1, 2, 3);
const secret = Buffer.from('the secret of the control plane.');

const templates = [
  { algorithm: 'rsa', index: '0x01c00002' },
  { algorithm: 'ecc', index: '0x01c0000a' },
  { algorithm: 'rsa3072', index: '0x01c0001c' },
  { algorithm: 'ecc384', index: '0x01c00016' },
] as const;

function publicOf(bytes: Uint8Array): TpmPublic {
  const read = readTpmPublic(bytes);
  assert.ok(read.ok, read.ok ? '' : read.error);
  return read.value;
}

describe('endorsement keys of each template', { skip: noTpm }, () => {
  let tpm: SoftwareTpm;
  let maker: Maker;
  before(async () => {
    tpm = await SoftwareTpm.start();
    maker = await newMaker('Maker');
  });
  after(() => tpm.stop());

  /** As `tpm2_createek` writes it: SubjectPublicKeyInfo in DER. */
  function ekSpki(algorithm: string): Uint8Array {
    const script = `tpm2_createek -Q -G ${algorithm} -c /dev/null -f der -u /dev/stdout | base64`;
    const text = tpm.tool('sh', ['-c', `${script}; tpm2_flushcontext -t`]);
    return Buffer.from(text, 'base64');
  }

  function store(index: string, bytes: Uint8Array): void {
    const attributes = 'ownerread|ownerwrite|authread|authwrite|no_da';
    const size = String(bytes.length);
    tpm.tool('tpm2_nvdefine', ['-C', 'o', '-s', size, '-a', attributes, index]);
    tpm.tool('tpm2_nvwrite', ['-C', 'o', '-i', '-', index], bytes);
  }

  for (const { algorithm, index } of templates) {
    it(`${algorithm}: a machine whose maker is trusted comes in under the name of its key`, async () => {
      const filler = Buffer.alloc(50, 0xff);
      store(index, Buffer.concat([await maker.certify(ekSpki(algorithm)), filler]));
      store('0x01c00100', maker.intermediate);
      try {
        const at = { file: 'mesh.yaml', line: 1, column: 1, length: 1 };
        const roots = { at, rootsPem: toPem('CERTIFICATE', maker.root) };
        const admission: TpmAdmission = { known: new Map(), roots };
        const attestor = tpmAttestor({ admission, random });
        const prover = tpmProver(tpm.access);
        const evidence = await prover.evidence(publicKeySpki);
        const step = await attestor.begin({ evidence, publicKeySpki, nowMs });
        assert.equal(step.kind, 'challenge', step.kind === 'refused' ? step.reason : '');
        if (step.kind !== 'challenge') return;
        const outcome = await step.answered(await prover.answer(step.challenge));
        assert.equal(outcome.kind, 'proven', outcome.kind === 'refused' ? outcome.reason : '');
        if (outcome.kind === 'proven') assert.match(outcome.proof.name, /^tpm-[0-9a-f]{16}$/);
        const late = Date.parse('2037-01-01T00:00:00Z');
        const refused = await attestor.begin({ evidence, publicKeySpki, nowMs: late });
        assert.match(refused.kind === 'refused' ? refused.reason : '', /ended at 2036/);
      } finally {
        for (const one of [index, '0x01c00100']) tpm.tool('tpm2_nvundefine', ['-C', 'o', one]);
      }
    });

    it(`${algorithm}: a credential of tpm2_makecredential has the form of ours, and the TPM opens both`, async () => {
      await withTpm(tpm.access, async (job) => {
        const at = (name: string): string => job.path(name);
        await job.runAndFlush('tpm2_createek', [
          ...['-Q', '-G', algorithm, '-c', at('ek.context'), '-u', at('ek.public')],
        ]);
        await job.runAndFlush('tpm2_createprimary', [
          ...['-Q', '-C', 'e', '-G', 'ecc256:ecdsa-sha256:null', '-c', at('ak.context')],
          ...['-a', 'restricted|sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth'],
          ...['-f', 'tss', '-o', at('ak.public')],
        ]);
        const ek = publicOf(await job.read('ek.public'));
        const name = tpmName(publicOf(await job.read('ak.public')));
        await job.write('plain', secret);
        await job.run('tpm2_makecredential', [
          ...['-Q', '-T', 'none', '-e', at('ek.public'), '-s', at('plain')],
          ...['-n', Buffer.from(name).toString('hex'), '-o', at('theirs')],
        ]);
        const theirs = await job.read('theirs');
        const { blob, seed } = makeCredential({ ek, name, secret, random });
        await job.write('ours', Buffer.concat([theirs.subarray(0, 8), blob, seed]));
        // Theirs leaves out zeros that a coordinate of its point begins with: one time in 128 it is shorter.
        const shorter = (await job.read('ours')).length - theirs.length;
        assert.ok(shorter >= 0 && shorter <= (algorithm.startsWith('ecc') ? 4 : 0), `${shorter}`);
        for (const file of ['theirs', 'ours']) {
          assert.deepEqual(await opened(job, file, algorithm), secret, file);
        }
      });
    });
  }

  async function opened(
    job: Parameters<Parameters<typeof withTpm>[1]>[0],
    file: string,
    algorithm: string,
  ): Promise<Buffer> {
    const args = ['-Q', '-c', job.path('ak.context'), '-C', job.path('ek.context')];
    const files = ['-i', job.path(file), '-o', job.path(`${file}.opened`)];
    if (algorithm === 'rsa' || algorithm === 'ecc') {
      const session = job.path('session');
      await job.run('tpm2_startauthsession', ['--policy-session', '-S', session]);
      await job.run('tpm2_policysecret', ['-Q', '-S', session, '-c', 'e']);
      const auth = ['-P', `session:${session}`];
      await job.runAndFlush('tpm2_activatecredential', [...args, ...files, ...auth]);
      await job.run('tpm2_flushcontext', [session]);
    } else await job.runAndFlush('tpm2_activatecredential', [...args, ...files]);
    return Buffer.from(await job.read(`${file}.opened`));
  }

  it('open nothing for a key made by software that claims to be of the TPM', async () => {
    const ak = softAk('p256', akAttributes);
    await withTpm(tpm.access, async (job) => {
      await job.runAndFlush('tpm2_createek', [
        ...['-Q', '-G', 'ecc384', '-c', job.path('ek.context'), '-u', job.path('ek.public')],
      ]);
      const ek = publicOf(await job.read('ek.public'));
      const name = tpmName(publicOf(ak.publicPart));
      const { blob, seed } = makeCredential({ ek, name, secret, random });
      const head = Buffer.from('badcc0de00000001', 'hex');
      await job.write('ours', Buffer.concat([head, blob, seed]));
      await job.write('ak.public', ak.publicPart);
      // A TPM loads the public part of any key, also of one that says that it is its own.
      await job.runAndFlush('tpm2_loadexternal', [
        ...['-Q', '-C', 'e', '-u', job.path('ak.public'), '-c', job.path('ak.context')],
      ]);
      await assert.rejects(opened(job, 'ours', 'ecc384'), { code: 'CH3032' });
    });
  });

  it('the evidence holds no certificate where the TPM has none', async () => {
    const evidence = await tpmProver(tpm.access).evidence(publicKeySpki);
    assert.deepEqual(member(evidence, 'chain'), []);
  });
});
