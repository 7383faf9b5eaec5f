import { ChanceryError } from '../../base/error.ts';

const enter = /[\r\n]/;
const endOfText = '\u0003';
const endOfFile = '\u0004';
const erase = /[\b\u007f]/;

/** Asks a person, without showing what is typed. Undefined when standard input is no terminal. */
export async function askAtTerminal(prompt: string): Promise<string | undefined> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) return undefined;
  // Before the prompt: what is typed at once is not shown either.
  stdin.setRawMode(true);
  stderr.write(prompt);
  try {
    return await readTyped(stdin);
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
}

function readTyped(stdin: NodeJS.ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    const typed: string[] = [];
    const take = (chunk: Buffer): void => {
      const characters = [...chunk.toString('utf8')];
      const end = characters.findIndex((one) => enter.test(one) || isGivingUp(one));
      for (const character of end < 0 ? characters : characters.slice(0, end)) {
        if (erase.test(character)) typed.pop();
        else typed.push(character);
      }
      const last = characters[end];
      if (last === undefined) return;
      stdin.off('data', take);
      // What was pasted after it belongs to the next question.
      const rest = characters.slice(end + 1).join('');
      if (rest !== '') stdin.unshift(Buffer.from(rest));
      if (isGivingUp(last)) reject(givenUp());
      else resolve(typed.join(''));
    };
    stdin.on('data', take);
    stdin.resume();
  });
}

function isGivingUp(character: string): boolean {
  return character === endOfText || character === endOfFile;
}

function givenUp(): ChanceryError {
  return new ChanceryError({
    code: 'CH5213',
    message: 'no passphrase was typed',
    help: 'nothing was changed; try again',
  });
}
