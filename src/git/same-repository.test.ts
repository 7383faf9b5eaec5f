import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRemoteAddress, type RemoteAddress } from './remote-address.ts';
import { sameRepository } from './same-repository.ts';

function addressOf(text: string): RemoteAddress {
  const address = parseRemoteAddress(text);
  assert.ok(address.ok, text);
  return address.value;
}

function same(a: string, b: string): boolean {
  const forth = sameRepository(addressOf(a), addressOf(b));
  assert.equal(sameRepository(addressOf(b), addressOf(a)), forth, `${a} and ${b}, the other way`);
  return forth;
}

/** What each Git server offers to copy, and what people make of it. */
const spellings: Readonly<Record<string, readonly string[]>> = {
  GitHub: [
    'https://github.com/team/mesh.git',
    'git@github.com:team/mesh.git',
    'ssh://git@github.com/team/mesh.git',
    'ssh://git@ssh.github.com:443/team/mesh.git',
    'https://github.com/team/mesh',
  ],
  GitLab: [
    'https://gitlab.com/group/sub/mesh.git',
    'git@gitlab.com:group/sub/mesh.git',
    'ssh://git@altssh.gitlab.com:443/group/sub/mesh.git',
    'https://oauth2@gitlab.com/group/sub/mesh.git',
  ],
  'GitLab, or Gitea, with ports of its own': [
    'https://git.example.com:3000/team/mesh.git',
    'ssh://git@git.example.com:2222/team/mesh.git',
  ],
  Gitea: [
    'https://gitea.example.com/team/mesh.git',
    'git@gitea.example.com:team/mesh.git',
    'gitea@gitea.example.com:/team/mesh.git',
    'ssh://git@gitea.example.com:22/team/mesh.git/',
  ],
  'Bitbucket Cloud': [
    'https://ann@bitbucket.org/team/mesh.git',
    'git@bitbucket.org:team/mesh.git',
    'ssh://git@altssh.bitbucket.org:443/team/mesh.git',
  ],
  'Bitbucket Data Center': [
    'https://bitbucket.example.com/scm/team/mesh.git',
    'ssh://git@bitbucket.example.com:7999/team/mesh.git',
  ],
  'a folder': ['/srv/git/mesh.git', '/srv/git/mesh.git/', 'file:///srv/git/mesh.git'],
};

/** Each changes only how it is spelled. */
const rewrites: Readonly<Record<string, (text: string) => string>> = {
  'the host in capitals': (text) =>
    text.replace(
      /(^|@|\/\/)([\w.-]+)(?=[:/])(?!.*@)/,
      (_all, before, host) => `${before}${host.toUpperCase()}`,
    ),
  'another user': (text) => text.replace(/[\w.-]+@/, 'robot@'),
  'no user': (text) => text.replace(/[\w.-]+@/, ''),
  'the port written out': (text) =>
    text.replace(/^(https:\/\/[^:/]+)\//, '$1:443/').replace(/^(ssh:\/\/[^:/]+)\//, '$1:22/'),
  'no .git': (text) => text.replace(/\.git\/?$/, ''),
  '.git and slashes': (text) => `${text.replace(/(\.git)?\/?$/, '')}.git//`,
  'a slash': (text) => `${text}/`,
};

/** Each names another repository. */
const others: Readonly<Record<string, (text: string) => string>> = {
  'another name': (text) => text.replace('mesh', 'mesh2'),
  'another case of the name': (text) => text.replace('mesh', 'Mesh'),
  'one folder more': (text) => text.replace('mesh', 'mesh/mesh'),
  'another host': (text) => text.replace(/\.(com|org)/, '.net'),
};

describe('one repository', () => {
  for (const [server, texts] of Object.entries(spellings)) {
    it(`is one, however ${server} spells it`, () => {
      for (const a of texts) for (const b of texts) assert.ok(same(a, b), `${a} and ${b}`);
    });
  }

  it('is one however somebody else types it, and none of another name or host', () => {
    const remote = Object.entries(spellings).filter(([server]) => server !== 'a folder');
    for (const [, texts] of remote) {
      for (const a of texts) {
        for (const b of texts) {
          for (const [how, rewrite] of Object.entries(rewrites)) {
            assert.ok(same(a, rewrite(b)), `${a} and ${rewrite(b)}: ${how}`);
          }
          for (const [how, change] of Object.entries(others)) {
            if (change(b) !== b) assert.ok(!same(a, change(b)), `${a} and ${change(b)}: ${how}`);
          }
        }
      }
    }
  });

  it('is none of another server', () => {
    const groups = Object.values(spellings);
    for (const [index, texts] of groups.entries()) {
      for (const other of groups.slice(index + 1).flat()) {
        for (const text of texts) assert.ok(!same(text, other), `${text} and ${other}`);
      }
    }
  });

  it('is another one at another port of the same transport', () => {
    assert.ok(!same('ssh://git@host:2222/team/mesh', 'ssh://git@host/team/mesh'));
    assert.ok(!same('ssh://git@host:2222/team/mesh', 'git@host:team/mesh'));
    assert.ok(!same('https://host:3000/team/mesh', 'https://host/team/mesh'));
  });

  it('has /scm in front only where the other one is by ssh', () => {
    assert.ok(!same('https://host/scm/team/mesh', 'https://host/team/mesh'));
    assert.ok(!same('ssh://git@host/scm/team/mesh', 'https://host/team/mesh'));
  });

  it('of a folder is not the one beside it, nor one of a host', () => {
    assert.ok(!same('/srv/git/mesh', '/srv/git/mesh.git'));
    assert.ok(!same('/team/mesh.git', 'https://host/team/mesh.git'));
  });
});
