import { existsSync } from 'node:fs';
import { ChanceryError } from '../base/error.ts';
import { usageError } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { controlClient, targetFlags, targetHelp } from './control-target.ts';
import { commitPair, diffCommits } from './diff-commits.ts';
import { diffProxies } from './diff-proxies.ts';
import { whileWaiting } from './progress.ts';
import { repositoryFor } from './repository-for.ts';

const flags = { ...targetFlags, json: { type: 'boolean' } } as const;

export const diff = command({
  usage: 'diff A B [DIR] [--json]',
  text: [
    'What differs, resource by resource and field by field, with the lines that are to blame on both sides.',
    '',
    '  Two commits (an id, its beginning, a branch, a tag, HEAD~1): what changes for each proxy, compiled from the repository in DIR (or here). The mesh is not asked, and neither commit needs to have run.',
    '  Two proxies, or one at two times (PROXY or PROXY@TIME, in place of --at): what they run or ran, from the ledger.',
    '  Whatever is a commit of the repository is taken for one; PROXY@now is always a proxy.',
    '',
    '0: nothing differs; 2: something does; 1: a commit does not hold, or what was named is not there.',
    ...targetHelp,
  ],
  examples: [
    'chancery diff HEAD~1 HEAD examples/shop',
    'chancery diff "payments-v1@yesterday 14:02" payments-v1 examples/shop',
  ],
  flags,
  run,
});

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const [a, b, dir, ...more] = positionals;
  if (a === undefined || b === undefined || more.length > 0) {
    throw usageError('diff takes two commits, or two proxies with or without a time');
  }
  const json = values.json === true;
  const names = [a, b] as const;
  const commits = values.api === undefined ? await commitPair(dir ?? '.', names) : undefined;
  if (commits !== undefined) {
    return whileWaiting(terminal, 'compiling both commits', diffCommits(commits, json, terminal));
  }
  const api = controlClient(values, dir);
  try {
    return await diffProxies(api, names, { json, terminal });
  } catch (error) {
    const noRepository = values.api === undefined ? await whyNoRepository(dir) : undefined;
    throw asNeither(error, names, noRepository);
  }
}

/** Such as a folder with nothing but the state of a control plane. */
async function whyNoRepository(dir = '.'): Promise<string | undefined> {
  const opened = existsSync(dir) ? await repositoryFor(dir) : undefined;
  if (opened?.ok !== false) return undefined;
  const { message, help } = opened.error;
  return help === undefined ? message : `${message}: ${help}`;
}

/** Who typed a commit that is not there is not helped by what is wrong with it as a proxy. */
function asNeither(
  error: unknown,
  [a, b]: readonly [string, string],
  noRepository: string | undefined,
): unknown {
  if (!(error instanceof ChanceryError)) return error;
  if (error.code !== 'CH5402' && error.code !== 'CH5430') return error;
  return new ChanceryError({
    code: 'CH5472',
    message: `"${a}" and "${b}" are neither two commits of one repository nor two proxies of a mesh`,
    expected: 'two commits of the repository in DIR, or two proxies of the mesh that runs there',
    found: `as proxies: ${error.finding.message}`,
    ...(noRepository === undefined ? {} : { notes: [`as commits: ${noRepository}`] }),
    help: 'git log shows the commits, chancery status the proxies',
  });
}
