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

/** The address that it was told to use is held by another process: by what ran before, where it takes no other one. */
export function saysInUse(output: string): boolean {
  return /EADDRINUSE|address (is )?already in use/i.test(output);
}

/** Of a stack trace, or of the object that Node prints after it. */
function isFrame(line: string): boolean {
  return /^(at |node:|code:|throw |File ")/.test(line);
}
