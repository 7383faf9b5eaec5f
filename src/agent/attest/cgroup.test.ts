import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cgroupSelectors } from './cgroup.ts';

const id = `${'c0ffee'.repeat(10)}beef`;

function found(text: string, kind: string): string[] {
  return cgroupSelectors(text)
    .filter((one) => one.kind === kind)
    .map((one) => one.value);
}

describe('cgroup selectors', () => {
  for (const [rule, text, unit] of [
    ['version 2, a system service', '0::/system.slice/payments.service', ['payments.service']],
    ['a template instance', '0::/system.slice/system-pay.slice/pay@3.service', ['pay@3.service']],
    [
      'a service of a user manager is the innermost',
      '0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service',
      ['web.service'],
    ],
    [
      'version 1 with many hierarchies says it once',
      '12:pids:/system.slice/a.service\n1:name=systemd:/system.slice/a.service\n',
      ['a.service'],
    ],
    ['a login session is no service', '0::/user.slice/user-1000.slice/session-2.scope', []],
    ['the root is nothing', '0::/', []],
  ] as const) {
    it(`systemd: ${rule}`, () => assert.deepEqual(found(text, 'systemd:unit'), unit));
  }

  for (const [rule, path] of [
    ['docker, cgroupfs', `/docker/${id}`],
    ['docker, systemd', `/system.slice/docker-${id}.scope`],
    ['podman', `/machine.slice/libpod-${id}.scope/container`],
    ['containerd', `/kubepods/besteffort/pod1/cri-containerd-${id}.scope`],
    ['containerd, colons', `/system.slice:cri-containerd:${id}`],
  ] as const) {
    it(`container: ${rule}`, () => assert.deepEqual(found(`0::${path}`, 'container:id'), [id]));
  }

  it('container: a shorter or longer run of hex digits is none', () => {
    assert.deepEqual(found(`0::/docker/${id}0`, 'container:id'), []);
    assert.deepEqual(found(`0::/docker/${id.slice(1)}`, 'container:id'), []);
  });
});
