import type { Code, Finding } from '../base/finding.ts';

/** Every way in which a repository elsewhere can fail us, as coded findings. Pages: docs/codes/CH53xx.md. */

function error(code: Code, message: string, rest: Partial<Finding> = {}): Finding {
  return { code, severity: 'error', message, ...rest };
}

const goesOn = 'what was accepted before goes on';

export function addressRefused(address: string, found: string): Finding {
  return error('CH5315', `"${address}" is not an address that intent is fetched from`, {
    expected:
      'ssh://…, user@host:path, https://…, file://… or an absolute path, without a password',
    found,
    help: 'give a token by --git-token-file, an ssh key by --git-key',
  });
}

export function branchRefused(name: string): Finding {
  return error('CH5315', `"${name}" is not the name of a branch`, {
    help: 'name a branch, such as main',
  });
}

export function folderNameRefused(name: string): Finding {
  return error('CH5315', `"${name}" is not a folder below the top of a repository`, {
    help: 'give it relative to the top, such as meshes/shop',
  });
}

export function remoteUnreachable(url: string, found: string): Finding {
  return error('CH5316', `the repository ${url} cannot be reached`, {
    found,
    help: `look at the network, the name and the port; ${goesOn}, and it is tried again by itself`,
  });
}

/** Nobody waits for the answer any more. */
export function remoteLeft(url: string): Finding {
  return error('CH5316', `the repository ${url} had not answered when the control plane ended`);
}

export function credentialsRefused(url: string, found: string): Finding {
  return error('CH5317', `${url} does not take the credentials`, {
    found,
    help: 'look at --git-token-file or --git-key, and whether it may read the repository',
  });
}

export function hostKeyRefused(url: string, found: string): Finding {
  return error('CH5318', `the server of ${url} shows a host key that is not known`, {
    expected: 'the key in the file of --git-known-hosts',
    found,
    help: 'if the server has a new key, hear of it from its owner and put that into the file; else somebody is in between',
  });
}

export function serverNotTrusted(url: string, found: string): Finding {
  return error('CH5319', `the certificate of ${url} is not trusted`, {
    found,
    help: 'give the CA of the server by --git-ca; if it is the usual one, somebody may be in between',
  });
}

export function repositoryGone(url: string, found: string): Finding {
  return error('CH5320', `there is no repository at ${url}, or it is hidden from us`, {
    found,
    help: `see whether it was moved, renamed or closed; ${goesOn}`,
  });
}

export function branchGone(url: string, branch: string | undefined): Finding {
  if (branch === undefined) {
    return error('CH5321', `the HEAD of the repository ${url} names no branch that it has`, {
      help: `push that branch, let its HEAD name another (git symbolic-ref HEAD), or name one by --branch; ${goesOn}`,
    });
  }
  return error('CH5321', `the repository ${url} has no branch "${branch}"`, {
    help: `push it, or name another by --branch; ${goesOn}`,
  });
}

export function repositoryTooLarge(url: string, bytesMax: number): Finding {
  return error('CH5322', `the repository ${url} is larger than Chancery keeps of one`, {
    expected: `at most ${bytesMax} bytes in the mirror`,
    found: 'more, and the fetch was ended',
    help: 'take large files out of the branch, or give intent a repository of its own; then remove the mirror',
  });
}

export function packDamaged(url: string, found: string): Finding {
  return error(
    'CH5323',
    `what ${url} sent is damaged or breaks the rules of Git, and was not taken`,
    {
      found,
      help: 'run git fsck in the repository on the server',
    },
  );
}

export function historyRewound(accepted: string, head: string): Finding {
  const [before, now] = [accepted.slice(0, 12), head.slice(0, 12)];
  return error('CH5324', `the branch was rewound: ${now} does not contain ${before}, which runs`, {
    expected: `a commit on top of ${before}`,
    found: `${now}, from another line of history`,
    help: `push ${before} back; if it is meant: chancery approve ${now}`,
  });
}

export function commitUnsigned(commit: string, author: string): Finding {
  return error('CH5325', `commit ${commit.slice(0, 12)} by ${author} is not signed`, {
    expected: 'each commit since the last accepted one signed by an allowed signer',
    found: 'no signature of a kind that is allowed here',
    help: 'sign it (git commit --amend -S, git rebase --exec "git commit --amend --no-edit -S") and push again',
  });
}

export function signatureRefused(commit: string, signer: string, why: string): Finding {
  return error('CH5326', `the signature of commit ${commit.slice(0, 12)} is not accepted: ${why}`, {
    expected: 'a good signature of an allowed signer',
    found: signer === '' ? 'a signer that is not known' : signer,
    help: 'add the signer to --allowed-signers or --signers-keyring if it is one, else ask who pushed this',
  });
}

export function tooManyCommits(head: string, max: number): Finding {
  return error('CH5327', `there are too many commits up to ${head.slice(0, 12)} to check at once`, {
    expected: `at most ${max} since the last accepted one`,
    found: 'more',
    help: 'push them in parts, or squash them',
  });
}

export function secretFileRefused(path: string, found: string): Finding {
  return error('CH5328', `the file "${path}" cannot be used as a secret`, {
    expected: 'a small text file that is not empty and that others may not read (mode 0600)',
    found,
    help: `chmod 600 "${path}"`,
  });
}

export function webhookRefused(found: string): Finding {
  return error('CH5329', 'the webhook is not signed with a secret that is known', {
    expected: 'X-Hub-Signature-256, X-Gitea-Signature, X-Forgejo-Signature or X-Gitlab-Token',
    found,
    help: 'give the Git server the secret in the file of --webhook-secret-file',
  });
}

export function intentMovedOn(from: string, head: string): Finding {
  return error(
    'CH5330',
    `${from.slice(0, 12)} is not taken back, for the intent was changed since`,
    {
      expected: `the intent of ${from.slice(0, 12)} at the newest commit`,
      found: `another one, at ${head.slice(0, 12)}`,
      help: 'see whether the newest commit mends it; if not, revert by hand',
    },
  );
}

export function pushRefused(where: string, found: string): Finding {
  return error('CH5331', `the commit that takes a change back could not be put on ${where}`, {
    found,
    help: 'let these credentials push to the branch, or revert by hand and push; it is tried again, and what runs is not touched by this',
  });
}

export function noBranch(dir: string): Finding {
  return error('CH5336', `there is no branch of ${dir} to take a change back on`, {
    found: 'files are followed as they lie, not commits',
    help: 'mend the files; what was taken back is not tried again as it is',
  });
}

export function branchBusy(where: string, found: string): Finding {
  return error('CH5332', `the branch of ${where} did not hold still to take a change back`, {
    found,
    help: 'revert by hand and push',
  });
}

export function fetchFailed(url: string, found: string): Finding {
  return error('CH5333', `fetching from ${url} failed`, {
    found,
    help: `the found line is what git said; ${goesOn}, and it is tried again by itself`,
  });
}

export function signingKeyMissing(): Finding {
  return error('CH5334', 'commits must be signed here, and there is no key to sign a taking back', {
    help: 'give --signing-key, and put its public half under "chancery" into the allowed signers',
  });
}
