import type { Finding } from '../base/finding.ts';
import { foreignOwner } from './findings.ts';
import {
  branchGone,
  credentialsRefused,
  fetchFailed,
  hostKeyRefused,
  packDamaged,
  remoteUnreachable,
  repositoryGone,
  serverNotTrusted,
} from './remote-findings.ts';

type Kind = (url: string, found: string) => Finding;

/** What git, curl and OpenSSH say in the C locale; the first that fits, so what is surer stands first. */
const signs: readonly { readonly says: RegExp; readonly finding: Kind }[] = [
  {
    says: /host key verification failed|host identification has changed|no .* host key is known/i,
    finding: hostKeyRefused,
  },
  {
    says: /ssl certificate problem|server certificate verification|certificate subject name|no alternative certificate|self.signed certificate|error setting certificate/i,
    finding: serverNotTrusted,
  },
  {
    says: /could not resolve host|couldn't connect|failed to connect|connection (?:refused|timed out|reset|closed)|network is unreachable|no route to host|operation timed out|operation too slow|temporary failure|name or service not known|returned error: 5\d\d|empty reply/i,
    finding: remoteUnreachable,
  },
  {
    says: /authentication failed|permission denied \(|returned error: 40[13]|could not read (?:username|password)|invalid credentials/i,
    finding: credentialsRefused,
  },
  {
    says: /does not appear to be a git repository|repository .*not found|no such repository|repository not exported|returned error: 404|not a git repository|no such file or directory/i,
    finding: repositoryGone,
  },
  {
    says: /index-pack|unpack|fsck|bad (?:pack|object|tree|line)|corrupt|pack has|did not receive expected object|missing (?:blob|tree|commit)|inflate|protocol error|early eof|invalid index-pack|unexpected disconnect/i,
    finding: packDamaged,
  },
];

/** What a fetch that ended with an error means. */
export function remoteFailure(url: string, branch: string | undefined, stderr: string): Finding {
  if (/couldn't find remote ref/i.test(stderr)) return branchGone(url, branch);
  if (/dubious ownership|unsafe repository/.test(stderr)) return foreignOwner(url);
  const kind = signs.find(({ says }) => says.test(stderr))?.finding ?? fetchFailed;
  return kind(url, lastLines(stderr));
}

/** The lines that say why; what is only advice or progress is left out. */
function lastLines(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.replace(/^(?:fatal|error|warning): /, '').trim())
    .filter((line) => line !== '' && !/^(?:@+$|Please make sure|and the repository)/.test(line));
  return lines.slice(0, 3).join('; ') || 'no word of why';
}
