import { type Flags, type Help, parseArguments, type Values, withUsage } from './arguments.ts';
import { helpFor } from './help-text.ts';
import type { Terminal } from './terminal.ts';

/** 0 fine, 1 usage or internal, 2 problems found, 3 traffic that was seen would be denied: scripts rely on these. */
export type ExitCode = 0 | 1 | 2 | 3;

/** Throws a coded error for whatever a person can mend. */
export type Command = (args: readonly string[], terminal: Terminal) => Promise<ExitCode>;

/** What was typed behind the command. */
export interface Called<Of extends Flags = Flags> {
  readonly values: Values<Of>;
  readonly positionals: readonly string[];
  readonly terminal: Terminal;
}

interface Declared<Of extends Flags> extends Help {
  readonly flags: Of;
  /** Words with flags of their own, such as the second of `ca rekey`; loaded on demand. */
  readonly below?: Readonly<Record<string, () => Promise<Command>>>;
  /** A word that may stand anywhere and means nothing, although it begins like a flag. */
  readonly filler?: string;
  readonly run: (called: Called<Of>) => ExitCode | Promise<ExitCode>;
}

/** Reads what was typed and answers --help, so that a command says only what it takes and what it does. */
export function command<const Of extends Flags>(declared: Declared<Of>): Command {
  const { usage, text, examples, flags, below = {}, filler, run } = declared;
  return async (args, terminal) => {
    const [first = '', ...rest] = args;
    const inner = Object.hasOwn(below, first) ? below[first] : undefined;
    if (inner !== undefined) return (await inner())(rest, terminal);
    try {
      const words = args.filter((word) => word !== filler);
      const { wantsHelp, ...typed } = parseArguments(words, flags);
      if (!wantsHelp) return await run({ ...typed, terminal });
      terminal.out(helpFor({ usage, text, examples }, terminal));
      return 0;
    } catch (error) {
      throw withUsage(error, usage);
    }
  };
}
