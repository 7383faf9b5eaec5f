import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { ChanceryError } from '../base/error.ts';

const publicMode = 0o755;
const privateMode = 0o700;
const writableByOthers = 0o022;

/**
 * The folder of a socket that every user may reach (rule W68), whatever the umask. Nobody else may put another socket in
 * its place: whoever asks there believes what it answers.
 */
export function makePublicFolder(dir: string): void {
  make(dir, publicMode);
}

/** The folder of sockets of this user only: so it is where the agent makes it; whoever made it may let others in to look. */
export function makePrivateFolder(dir: string): void {
  make(dir, privateMode);
}

function make(dir: string, wantedMode: number): void {
  const made = mkdirSync(dir, { recursive: true, mode: wantedMode });
  if (made !== undefined) chmodSync(dir, wantedMode);
  const { uid, mode } = statSync(dir);
  const isOurs = uid === process.getuid?.() || uid === 0;
  if (isOurs && (mode & writableByOthers) === 0) return;
  const wanted = wantedMode.toString(8).padStart(4, '0');
  throw new ChanceryError({
    code: 'CH3021',
    message: `the folder "${dir}" of a socket of the agent can be changed by other users`,
    expected: `owned by root or by the user of the agent, writable for nobody else (mode ${wanted})`,
    found: `owned by uid ${uid}, mode ${(mode & 0o7777).toString(8).padStart(4, '0')}`,
    help: 'remove the folder, so that the agent makes its own, or give the socket another place',
  });
}
