const saysWhy = /error|exception|panic|fatal|not found|no such|cannot|failed/i;
const lineCharactersMax = 200;

/** The line of a program's last output that says why it ended: its last one, unless an earlier one speaks of an error. */
export function tellingLine(output: string): string | undefined {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const line = lines.findLast((one) => saysWhy.test(one) && !isFrame(one)) ?? lines.at(-1);
  return line?.slice(0, lineCharactersMax);
}

/** Why a child ended, in its own words: the last error of its log where it writes JSON, else the line that tells most. */
export function whyEnded(output: string): string | undefined {
  return (
    output
      .split('\n')
      .map(loggedError)
      .findLast((text) => text !== undefined) ?? tellingLine(output)
  );
}

function loggedError(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { level, code, problem, help } = JSON.parse(line) as Record<string, unknown>;
    if (level !== 'error' || typeof problem !== 'string') return undefined;
    return (
      [code, problem].filter(Boolean).join(' ') + (typeof help === 'string' ? `: ${help}` : '')
    );
  } catch {
    return undefined;
  }
}

/** The address that it was told to use is held by another process: by what ran before, where it takes no other one. */
export function saysInUse(output: string): boolean {
  return /EADDRINUSE|address (is )?already in use/i.test(output);
}

/** Of a stack trace, or of the object that Node prints after it. */
function isFrame(line: string): boolean {
  return /^(at |node:|code:|throw |File ")/.test(line);
}
