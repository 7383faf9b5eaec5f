import type { Code, Finding, Position } from '../base/finding.ts';

/** Every way in which reading intent can fail, as coded findings. Pages: docs/codes/CH53xx.md. */

function error(code: Code, message: string, rest: Partial<Finding> = {}): Finding {
  return { code, severity: 'error', message, ...rest };
}

function startOf(file: string): Position {
  return { file, line: 1, column: 1, length: 1 };
}

export function notARepository(dir: string): Finding {
  return error('CH5300', `"${dir}" is not inside a Git repository`, {
    help: `make it one: git -C "${dir}" init && git -C "${dir}" add . && git -C "${dir}" commit -m "First intent", or have chancery up --dev read the files as they are`,
  });
}

export function folderMissing(dir: string): Finding {
  return error('CH5301', `"${dir}" is not a folder that can be read`, {
    help: 'name the folder that holds mesh.yaml and services/',
  });
}

export function noCommitYet(dir: string): Finding {
  return error('CH5302', `the repository of "${dir}" has no commit on its current branch yet`, {
    help: `commit the intent: git -C "${dir}" add . && git -C "${dir}" commit -m "First intent", or have chancery up --dev read the files as they are`,
  });
}

export function gitMissing(found: string): Finding {
  return error('CH5303', 'the git program could not be started', {
    expected: 'git 2.25 or newer on PATH',
    found,
    help: 'install git, or have chancery up --dev read the files as they are',
  });
}

export function foreignOwner(dir: string): Finding {
  return error('CH5304', `git refuses the repository of "${dir}" because another user owns it`, {
    help: `if you trust it: git config --global --add safe.directory "${dir}"; else run Chancery as its owner`,
  });
}

export function gitFailed(command: string, detail: string): Finding {
  return error('CH5305', `git ${command} failed`, {
    found: detail,
    help: 'run git fsck in the repository; the found line is what git said',
  });
}

export function gitShort(command: string, detail: string): Finding {
  return error('CH5305', `git ${command} could not be started`, {
    found: detail,
    help: 'this process has no descriptors or memory left: end connections that nobody needs, or raise its limit (LimitNOFILE); it is tried again',
  });
}

export function gitTimedOut(command: string, timeoutMs: number): Finding {
  return error(
    'CH5306',
    `git ${command} gave no answer within ${timeoutMs / 1000} s and was ended`,
    {
      help: 'look at the disk or network file system that holds the repository',
    },
  );
}

export function symlinkRefused(file: string): Finding {
  return error('CH5307', `"${file}" is a symbolic link, and intent is read from plain files only`, {
    at: startOf(file),
    expected: 'a plain file, so that what was reviewed is what is served',
    found: 'a symbolic link',
    help: 'commit the file itself in place of the link',
  });
}

export function submoduleRefused(file: string): Finding {
  return error(
    'CH5308',
    `"${file}" is a submodule, and intent must be one tree of one repository`,
    {
      at: startOf(file),
      expected: 'a plain file or folder of this repository',
      found: 'a submodule',
      help: 'move the files into this repository: the whole tree is one transaction',
    },
  );
}

export function fileTooLarge(file: string, bytes: number, bytesMax: number): Finding {
  return error('CH5309', `"${file}" is larger than an intent file may be`, {
    at: startOf(file),
    expected: `at most ${bytesMax} bytes`,
    found: Number.isFinite(bytes) ? `${bytes} bytes` : 'more',
    help: 'split the service, or move data that is no intent elsewhere',
  });
}

export function treeTooLarge(expected: string, found: string): Finding {
  return error('CH5310', 'the intent folder holds more than Chancery reads at once', {
    expected,
    found,
    help: 'keep only mesh.yaml and one file a service in the folder',
  });
}

export function notText(file: string): Finding {
  return error('CH5311', `"${file}" is not valid UTF-8 text`, {
    at: startOf(file),
    expected: 'UTF-8 without NUL characters',
    help: 'save the file as UTF-8',
  });
}

export function nothingCommitted(folder: string, commit: string): Finding {
  const place = folder === '' ? 'the top folder' : `"${folder}"`;
  return error('CH5312', `commit ${commit.slice(0, 12)} holds no intent in ${place}`, {
    expected: 'mesh.yaml and services/*.yaml, committed',
    found: 'neither of them',
    help: 'name the folder that holds it, or git add it and commit; chancery up --dev reads files as they are',
  });
}

export function commitUnreadable(commit: string, detail: string): Finding {
  return error('CH5313', `commit ${commit.slice(0, 12)} cannot be read whole from the repository`, {
    found: detail,
    help: 'run git fsck; in a shallow or partial clone run git fetch --unshallow or --refetch',
  });
}

export function fileUnreadable(file: string, detail: string): Finding {
  return error('CH5314', `"${file}" cannot be read`, {
    at: startOf(file),
    found: detail,
    help: 'make it a plain file that this user may read',
  });
}

export function branchExists(name: string, why: string): Finding {
  return error('CH5335', `the branch "${name}" is not made: ${why}`, {
    help: 'say another name with --branch',
  });
}
